"""Finds a Python that is new enough, and goes on in it. Parses on Python 3.6."""

import os
import shutil
import subprocess
import sys

MINIMUM = (3, 11)
NEWEST_TRIED = 15


def ensure() -> None:
    """Return in a Python >= MINIMUM, starting this script again in a newer one if need be."""
    if sys.version_info >= MINIMUM:
        return
    newer = _newer_python()
    if newer is not None:
        sys.exit(subprocess.call([newer, *sys.argv]))
    sys.exit(
        f"velocity-local: Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed, this is"
        f" {sys.version_info[0]}.{sys.version_info[1]}. Install it: {_install_command()}"
    )


def _newer_python() -> "str | None":
    for minor in range(NEWEST_TRIED, MINIMUM[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A version manager's stand-in is on the path without being able to run.
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return found
    return None


def _install_command() -> str:
    for tool, command in (
        ("apt-get", "sudo apt-get install python3.12 python3.12-venv"),
        ("dnf", "sudo dnf install python3.12"),
        ("pacman", "sudo pacman -S python"),
        ("zypper", "sudo zypper install python312"),
        ("apk", "sudo apk add python3"),
        ("brew", "brew install python@3.12"),
        ("winget", "winget install Python.Python.3.12"),
    ):
        if shutil.which(tool):
            return command
    if os.name == "nt":
        return "winget install Python.Python.3.12"
    return "your system's package manager has a package named python3.12 or python3"
