"""Print what pyproject.toml asks for to build with, one requirement a line."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path(__file__).parent.with_name("pyproject.toml").read_text())
sys.stdout.writelines(f"{line}\n" for line in project["build-system"]["requires"])
