class LinkHooks:
    """What a reader and a writer tell their link (compiled; the hooks are C methods)."""
