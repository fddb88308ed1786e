"""The JSON Schema Test Suite, which the source archive of `jsonschema` carries.

It is unpacked into the user's cache from the archive whose hash is in requirements-dev.lock; pip
downloads that once.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import sources
from checkout import cache_folder, exclusive

from tests.shape.tree import ROOT
from tests.support.archives import extract

DRAFTS = ("draft4", "draft6", "draft7", "draft2019-09", "draft2020-12")
_PACKAGE = "jsonschema"
_ENTRY = re.compile(
    rf"^{_PACKAGE}==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{{64}})+)", re.MULTILINE
)


class Case(NamedTuple):
    """A schema and its instances; `name` is file and description."""

    name: str
    schema: Any
    instances: tuple[tuple[str, Any, bool], ...]


def cases(draft: str) -> Iterator[Case]:
    """Every case of a draft, the optional ones included."""
    for below in ("", "/optional", "/optional/format"):
        folder = _folder(f"{draft}{below}")
        for path in sorted(folder.glob("*.json")):
            for case in json.loads(path.read_text(encoding="utf-8")):
                instances = tuple((t["description"], t["data"], t["valid"]) for t in case["tests"])
                name = f"{draft}{below}/{path.stem}: {case['description']}"
                yield Case(name, case["schema"], instances)


def _folder(below: str) -> Path:
    archive = _archive()
    unpacked = archive.with_name(
        f"{archive.name.removesuffix('.tar.gz')}-{below.replace('/', '-')}"
    )
    return extract(archive, below=f"json/tests/{below}", to=unpacked)


@cache
def _archive() -> Path:
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    entry = _ENTRY.search(lock)
    assert entry is not None, f"requirements-dev.lock does not pin {_PACKAGE}"
    hashes = re.findall(r"[0-9a-f]{64}", entry[2])
    folder = cache_folder(os.environ) / "sources"
    archive = folder / f"{_PACKAGE}-{entry[1]}.tar.gz"
    with exclusive(folder / "lock", waiting=f"Another process fetches {_PACKAGE}; waiting."):
        if not (archive.is_file() and sources.digest(archive) in hashes):
            _download(entry[0], folder)
    assert sources.digest(archive) in hashes, f"{archive} is not the one in the lock"
    return archive


def _download(requirement: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(requirement + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
        command += ["--no-binary", _PACKAGE, "-d", str(folder), "-r", str(wanted)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, (
        f"pip could not get the test suite's archive:\n{done.stderr[-2000:]}"
    )
