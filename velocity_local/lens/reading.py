"""Files that a user names, read whole within a bound."""

from pathlib import Path

from velocity_local.lens.errors import BadScenario


def read_bytes(path: Path, *, most: int) -> bytes:
    """What the file holds.

    Raises:
        BadScenario: if it cannot be read, or is larger than `most` bytes.
    """
    try:
        if path.stat().st_size > most:
            raise BadScenario(f"{path} is larger than {most} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BadScenario(f"cannot read {path}: {error.strerror}") from error


def read_text(path: Path, *, most: int) -> str:
    """As `read_bytes`, as UTF-8; a mark at its beginning is left out.

    Raises:
        BadScenario: also if it is not UTF-8.
    """
    try:
        return read_bytes(path, most=most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadScenario(f"{path}: byte {error.start} is not UTF-8") from error
