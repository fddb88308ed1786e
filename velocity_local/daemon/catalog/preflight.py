"""Looks a GGUF file over before any native code sees it, and names its content."""

from pathlib import Path
from typing import BinaryIO, NamedTuple

from velocity_local.core.fit import Shape
from velocity_local.daemon.catalog.cursor import GgufError
from velocity_local.daemon.catalog.facts import read_facts
from velocity_local.daemon.catalog.files import open_plain, part_path, split_of
from velocity_local.daemon.catalog.fit_bytes import read_shape
from velocity_local.daemon.catalog.gguf import Header, read_header
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.sampled import joined_digest, sampled_digest

MAX_PARTS = 512


class Part(NamedTuple):
    """One sound file; `digest` names its content."""

    header: Header
    digest: str
    modified_s: int


def inspect(path: Path) -> Inspected:
    """The model whose only or first file is `path`.

    Raises:
        GgufError: if one of its files is not sound.
        UnreadableFile: if one of its files is not a plain file.
    """
    parts = parts_of(path)
    facts = read_facts(parts[0].header)
    size_bytes = sum(part.header.size_bytes for part in parts)
    parameters = sum(part.header.parameters for part in parts)
    return Inspected(
        facts,
        joined_digest([part.digest for part in parts]),
        size_bytes,
        parameters,
        max(part.modified_s for part in parts),
        _shape(parts[0].header, size_bytes, parameters),
    )


def _shape(header: Header, size_bytes: int, parameters: int) -> Shape | None:
    """None for values that only the engine can judge; it will refuse them by itself."""
    try:
        return read_shape(header, size_bytes=size_bytes, parameters=parameters)
    except GgufError:
        return None


def _other_parts(path: Path, count: int) -> list[Part]:
    if count < 2:
        return []
    split = split_of(path.stem)
    if split is None or split[2] != count:
        raise GgufError(0, f"the header says {count} parts; the file's name does not")
    if count > MAX_PARTS:
        raise GgufError(0, f"{count} parts; at most {MAX_PARTS}")
    return [inspect_part(part_path(path, number)) for number in range(2, count + 1)]


def parts_of(path: Path) -> list[Part]:
    """Every file of the model whose only or first file is `path`; raises as `inspect`."""
    first = inspect_part(path)
    return [first, *_other_parts(path, read_facts(first.header).split_count)]


def inspect_part(path: Path) -> Part:
    """Look one file over; raises as `inspect`."""
    file, state = open_plain(path)
    with file:
        header = read_header(file, state.st_size)
        return Part(header, _digest(file, header), int(state.st_mtime))


def _digest(file: BinaryIO, header: Header) -> str:
    try:
        return sampled_digest(file, header.size_bytes, header.data_offset)
    except OSError as error:
        raise GgufError(0, f"cannot be read: {error.strerror}") from error
