"""All cells of the tables of faults: ``python -m tests.faults [calls|commands|clocks]``. Those of memory and
of hooks are all in the ordinary suite. It writes how many there were of each site, and what is wrong; its
exit code is 1 if anything is."""

from __future__ import annotations

import sys

from tests.faults.tables import run_table

TABLES = {"calls": ("uvloop,asyncio",), "commands": (), "clocks": ()}


def main(*names: str) -> int:
    failures = 0
    for name in names or TABLES:
        cells, wrong = run_table(name, *TABLES[name])
        for site, counts in cells.items():
            sys.stdout.write(f"{name}: {site}: {sum(counts.values())} cells of {len(counts)} faults\n")
        for problem in wrong:
            sys.stdout.write(f"WRONG {problem}\n")
        failures += len(wrong)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
