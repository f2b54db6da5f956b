"""The process' environment, as C sees it."""
