"""Files out of a source archive, kept beside it."""

import os
import shutil
import tarfile
from pathlib import Path


def extract(archive: Path, *, below: str, to: Path) -> Path:
    """`to`, holding the archive's files directly below its folder `below` (and only those).

    Raises:
        FileNotFoundError: if there are none.
    """
    if to.is_dir():
        return to
    part = to.with_name(f"{to.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            parent, _, name = member.name.partition("/")[2].rpartition("/")
            source = tar.extractfile(member) if parent == below and member.isfile() else None
            if source is not None:
                (part / name).write_bytes(source.read())
    if not any(part.iterdir()):
        part.rmdir()
        raise FileNotFoundError(f"{archive.name} has no files in {below}")
    part.replace(to)
    return to
