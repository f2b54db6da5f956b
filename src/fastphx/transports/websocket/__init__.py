"""The compiled WebSocket: one reader, one writer, and the link that owns the connection's state."""
