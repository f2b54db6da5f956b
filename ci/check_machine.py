"""Say in one sentence what this machine lacks to build fastphx; say nothing where it lacks nothing.

It runs under whatever Python there is, so it keeps to what every Python 3 understands.
"""

import os
import shutil
import sys
import sysconfig


def missing() -> str:
    if sys.version_info < (3, 11):  # noqa: UP036 - it is run by Pythons that are too old
        found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
        return (
            "fastphx needs Python 3.11 or newer, and this is " + found + ": install one, for example "
            "`apt-get install python3.11 python3.11-venv`, and name it: make PYTHON=python3.11"
        )
    try:
        import ensurepip
        import venv

        del ensurepip, venv
    except ImportError:
        return "fastphx needs Python's venv and pip: install them, for example `apt-get install python3-venv`"
    command = os.environ.get("CC", sysconfig.get_config_var("CC") or "cc").split()
    if not command:
        return "fastphx needs a C compiler, and CC is set and empty: unset it, or name a compiler in it"
    if shutil.which(command[0]) is None:
        return (
            "fastphx needs a C compiler, and there is no " + command[0] + ": install it, for example "
            "`apt-get install gcc` or `dnf install gcc`, or name another in CC"
        )
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        return (
            "fastphx needs Python's C headers (Python.h): install them, for example "
            "`apt-get install python3-dev` or `dnf install python3-devel`"
        )
    return ""


if __name__ == "__main__":
    sys.stdout.write(missing())
