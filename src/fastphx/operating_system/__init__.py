"""What only some systems have, each with what is done elsewhere.

Nothing outside of this package asks which system it runs on, and nothing in it knows what the rest is about.
FASTPHX_PORTABLE=1, when fastphx is built and when it runs, chooses what is done elsewhere on Linux, too.
"""

from __future__ import annotations

import os
import sys

PORTABLE = os.environ.get("FASTPHX_PORTABLE") == "1"
IS_LINUX = sys.platform == "linux" and not PORTABLE
IS_POSIX = os.name == "posix" and not PORTABLE
