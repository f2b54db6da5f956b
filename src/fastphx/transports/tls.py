"""A TLS context from files, for the command line and for plans, which name files and hold no objects."""

from __future__ import annotations

import ssl


def client_context(
    *, ca: str | None = None, cert: str | None = None, key: str | None = None, verify: bool = True
) -> ssl.SSLContext | None:
    """A context that trusts *ca* (a file; None: what the system trusts) and shows *cert* with its *key*
    (None: it is in the same file). Without *verify*, any certificate is accepted.

    Returns None if the default context is enough. Raises ValueError for a key without a certificate, and for
    files that cannot be read.
    """
    if key is not None and cert is None:
        raise ValueError("a key was given without its certificate: give the certificate too")
    if ca is None and cert is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the certificates cannot be read ({error})") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
