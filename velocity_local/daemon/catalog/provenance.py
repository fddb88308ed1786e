"""Where a model's file came from and what its bytes must be: `.NAME.origin` beside it."""

import re
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic

_BLOB = re.compile(r"(?:sha256-)?(?P<hex>[0-9a-f]{64})")


class Provenance(msgspec.Struct, frozen=True):
    """`digest` is as in `HubFile`, what whoever gave the file promised of it."""

    repository: str
    revision: str
    path: str
    size_bytes: int
    digest: str


def file_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.origin")


def read(target: Path) -> Provenance | None:
    """What was noted when the file came; None if nothing was, or not in this form."""
    try:
        return msgspec.json.decode(file_of(target).read_bytes(), type=Provenance)
    except (OSError, msgspec.DecodeError):
        return None


def write(target: Path, provenance: Provenance) -> None:
    write_atomic(file_of(target), msgspec.json.encode(provenance))


def of_blob(source: Path, repository: str) -> Provenance | None:
    """What a store that names files by their SHA-256 promises of one."""
    match = _BLOB.fullmatch(source.name)
    if match is None:
        return None
    size_bytes = source.stat().st_size
    return Provenance(repository, "", source.name, size_bytes, f"sha256:{match['hex']}")
