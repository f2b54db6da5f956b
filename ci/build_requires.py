"""Print what pyproject.toml asks for to build with, or in the extras that are named: one a line."""

import sys
import tomllib
from pathlib import Path

asked = tomllib.loads(Path(__file__).parent.with_name("pyproject.toml").read_text())
extras = [asked["project"]["optional-dependencies"][name] for name in sys.argv[1:]]
sys.stdout.writelines(
    f"{line}\n" for lines in extras or [asked["build-system"]["requires"]] for line in lines
)
