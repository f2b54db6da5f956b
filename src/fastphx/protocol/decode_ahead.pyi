def counts() -> dict[str, int]:
    """How many payloads this process has decoded before they were read: ``used`` were read then, ``wasted``
    were decoded for nothing, or in vain.
    """
