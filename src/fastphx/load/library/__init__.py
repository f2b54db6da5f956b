"""A load run as a call of a Python program, and as a pytest fixture."""
