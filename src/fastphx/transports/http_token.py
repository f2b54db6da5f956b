"""What names are made of in HTTP: a header's, a sub-protocol's, an extension's."""

from __future__ import annotations

import re
from typing import Final

HTTP_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token, as RFC 9110 section 5.6.2 has it."""
