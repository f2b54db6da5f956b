"""One load worker: a process with one event loop that holds its share of the sockets (``python -m
fastphx.load.worker``)."""
