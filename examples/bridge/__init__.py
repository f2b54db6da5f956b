"""A subscriber past one process: leases and cursors in Redis, messages in Redis streams."""
