"""Runs a plan: the worker processes, the embedded server, and the comparison of two servers."""
