"""Reads what a person attaches, and writes what a person wants to keep."""

from pathlib import Path

from velocity_local.core.conversations import Attachment

MAX_ATTACHED_BYTES = 512 * 1024
MAX_ATTACHMENTS = 16


class NotSaved(Exception):
    """The message says which file and why."""


class NotText(Exception):
    """The message says which file cannot be attached, and why."""


def save(name: str, data: bytes) -> Path:
    """Write a new file; `~` is the home folder. Returns where it is.

    Raises:
        NotSaved: if it exists already or cannot be written.
    """
    path = _path(name)
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise NotSaved(f"{path} exists already; choose another name") from error
    except OSError as error:
        raise NotSaved(f"cannot write {path}: {error.strerror}") from error
    return path


def attachment(name: str) -> Attachment:
    """A text file, whole.

    Raises:
        NotText: if it is too large, not text, or cannot be read.
    """
    path = _path(name)
    if not path.is_file():  # a pipe or a device would be waited for
        raise NotText(f"there is no file {path}")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ATTACHED_BYTES + 1)
    except OSError as error:
        raise NotText(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_ATTACHED_BYTES:
        raise NotText(f"{path.name} is over {MAX_ATTACHED_BYTES // 1024} KiB; attach a part of it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotText(f"{path.name} is not UTF-8 text") from error
    if "\x00" in text:
        raise NotText(f"{path.name} is not text")
    return Attachment(path.name[:200], text)


def _path(name: str) -> Path:
    return Path(name).expanduser().absolute()
