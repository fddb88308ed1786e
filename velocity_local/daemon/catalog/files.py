"""Finds model files below a folder, and opens them so that nothing but a plain file is read."""

import os
import re
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".gguf"
MAX_DEPTH = 8
MAX_FILES = 10_000
_SPLIT = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})$")
# Opening a FIFO must not wait for its writer, and a link put there meanwhile is not followed.
_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class UnreadableFile(Exception):
    """The path is not a plain file that may be read; the message says why."""


def model_files(root: Path) -> Iterator[Path]:
    """Paths ending in .gguf below `root`; folders that are links are not entered."""
    return islice(_model_files(root, MAX_DEPTH), MAX_FILES)


def _model_files(folder: Path, depth: int) -> Iterator[Path]:
    for path in _sorted_children(folder):
        if path.is_dir() and not path.is_symlink():
            if depth and not path.name.startswith("."):
                yield from _model_files(path, depth - 1)
        elif path.suffix.lower() == SUFFIX:
            yield path


def _sorted_children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # gone or not ours to read: it holds no model for us
        return []


def inside(path: Path, root: Path) -> Path:
    """The real path, if it lies below the real `root`.

    Raises:
        UnreadableFile: for a link that leads out of the folder, or nowhere.
    """
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise UnreadableFile("a link that leads nowhere") from error
    if not real.is_relative_to(root):
        raise UnreadableFile("a link that leads out of the models folder; put the file itself here")
    return real


def open_plain(path: Path) -> tuple[BinaryIO, os.stat_result]:
    """A plain file for reading, and its state as opened.

    Raises:
        UnreadableFile: for devices, pipes, sockets, folders and links, and without permission.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise UnreadableFile("not a plain file")
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        raise UnreadableFile(f"cannot be opened: {error.strerror}") from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise UnreadableFile("not a plain file")
    return os.fdopen(descriptor, "rb"), state


def split_of(stem: str) -> tuple[str, int, int] | None:
    """(name, part, parts) of a file that is one part of several, as llama.cpp names them."""
    if (match := _SPLIT.match(stem)) is None:
        return None
    return match["stem"], int(match["part"]), int(match["parts"])


def part_path(first: Path, part: int) -> Path:
    """The path of another part of the model whose part 1 is `first`."""
    stem, _, parts = split_of(first.stem) or (first.stem, 1, 1)
    return first.with_name(f"{stem}-{part:05d}-of-{parts:05d}{first.suffix}")
