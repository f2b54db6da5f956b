def may_have(part: bytes) -> bool:
    """Whether the name of a variable of the environment has *part*, which is in lower case, in any case.

    True, too, where C cannot read the environment.
    """
