"""Looks at a server step by step, as a new user would have to. Each wait is bounded."""
