"""What every change must pass, the same here and in continuous integration."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

Step = tuple[str, str, list[str]]

CHECKS: tuple[Step, ...] = (
    ("format", "ruff", ["format", "--check", "."]),
    ("lint", "ruff", ["check", "."]),
    ("types", "mypy", []),
    ("walls", "importlinter", []),
    ("reference pages", "packaging/reference.py", ["--check"]),
)
ALL_TESTS: Step = ("tests", "pytest", ["-q"])
QUICK_TESTS: Step = ("tests", "pytest", ["-q", "-m", "not process"])


def run(root: Path, python: Path, steps: Sequence[Step], rest: list[str]) -> int:
    """Run the steps in order, stopping at none, and name those that failed; `rest` is pytest's."""
    failed = []
    for title, tool, arguments in steps:
        began = time.monotonic()
        extra = rest if tool == "pytest" else []
        sys.stderr.write(f"== {title}\n")
        sys.stderr.flush()
        if subprocess.call([*_command(python, tool), *arguments, *extra], cwd=root) != 0:
            failed.append(title)
        sys.stderr.write(f"   {time.monotonic() - began:.1f} s\n")
    sys.stderr.write(f"FAILED: {', '.join(failed)}\n" if failed else "All passed.\n")
    return 1 if failed else 0


def _command(python: Path, tool: str) -> list[str]:
    if tool == "importlinter":
        return [str(python), "-c", "from importlinter.cli import lint_imports_command as m; m()"]
    if tool.endswith(".py"):
        return [str(python), tool]
    return [str(python), "-m", tool]
