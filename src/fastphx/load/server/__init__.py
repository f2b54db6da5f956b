"""The server's own figures beside those of the load: its processes on this machine, and its metrics page."""
