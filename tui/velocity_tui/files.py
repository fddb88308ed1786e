"""Writes what a person wants to keep; an existing file is never replaced."""

from pathlib import Path


class NotSaved(Exception):
    """The message says which file and why."""


def save(name: str, data: bytes) -> Path:
    """Write a new file; `~` is the home folder. Returns where it is.

    Raises:
        NotSaved: if it exists already or cannot be written.
    """
    path = Path(name).expanduser().absolute()
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise NotSaved(f"{path} exists already; choose another name") from error
    except OSError as error:
        raise NotSaved(f"cannot write {path}: {error.strerror}") from error
    return path
