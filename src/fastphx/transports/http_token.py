"""What names in HTTP are made of: those of headers, sub-protocols and extensions."""

from __future__ import annotations

import re
from typing import Final

HTTP_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token (RFC 9110 section 5.6.2)."""
