"""The files of this checkout, as the shape tests see them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    """Every file that is in the repository or would be added to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file()]


def sources(*folders: str) -> list[Path]:
    """Python files below the folders."""
    wanted = [ROOT / folder for folder in folders]
    return [
        file
        for file in tracked()
        if file.suffix == ".py" and any(folder in file.parents for folder in wanted)
    ]


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def where(file: Path, line: int = 1) -> str:
    return f"{file.relative_to(ROOT).as_posix()}:{line}"
