"""A backoff for tests."""


def at_once(attempt: int) -> float:
    """Waits for nothing."""
    return 0.0
