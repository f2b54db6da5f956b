"""LiveView: a client for LiveView pages without a browser."""
