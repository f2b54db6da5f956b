"""Why a request of aiohttp's failed. aiohttp itself is imported by who makes requests."""

from __future__ import annotations

import socket

from fastphx.transports.own_limits import os_error_text


def cause_of(error: Exception) -> Exception | None:
    """The error of the operating system or of TLS behind an error of aiohttp's."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None


def what_failed(error: Exception, source: str | None = None) -> str:
    """What went wrong, without the URL, whose query may hold secrets; *source* is the address that was
    connected from."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return f"the server's certificate was not accepted ({getattr(cause, 'verify_message', cause)})"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(error.os_error, socket.gaierror):
            return f"the host name cannot be resolved ({error.os_error.strerror})"
        return os_error_text(error.os_error, source)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection before it answered"
    return f"the request failed ({type(error).__name__})"
