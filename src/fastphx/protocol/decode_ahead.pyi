def counts() -> dict[str, int]:
    """How many payloads this process has decoded before they were read: ``used`` were read, ``wasted`` never.

    A payload of the same bytes that is read takes it, so both count decoded payloads, not messages.
    """
