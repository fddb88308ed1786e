import io
import tarfile
from pathlib import Path

import pytest

from tests.support.archives import extract

FILES = {"models/a.txt": "a", "models/b.txt": "b", "models/below/c.txt": "c", "d.txt": "d"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "pack-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"pack-1.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_only_the_files_of_one_folder_are_extracted_and_only_once(archive: Path) -> None:
    to = extract(archive, below="models", to=archive.with_name("out"))
    assert {path.name: path.read_text() for path in to.iterdir()} == {"a.txt": "a", "b.txt": "b"}
    archive.unlink()
    assert extract(archive, below="models", to=to) == to


def test_a_folder_that_is_not_there_is_an_error_and_leaves_nothing(archive: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no files in nowhere"):
        extract(archive, below="nowhere", to=archive.with_name("out"))
    assert list(archive.parent.iterdir()) == [archive]
