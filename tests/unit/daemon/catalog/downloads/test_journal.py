"""What the next daemon goes on with, and what it does not believe."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from velocity_local.core.downloads import Variant
from velocity_local.daemon.catalog.downloads.journal import Journal, Kept, KeptFile

DIGEST = f"sha256:{'0' * 64}"
KEPT = Kept(
    id="dl_1",
    created_s=1.0,
    repository="owner/model",
    revision="0" * 40,
    files=(KeptFile("m-Q8_0.gguf", 10, DIGEST),),
    variant=Variant("Q8_0", ("m-Q8_0.gguf",), 10),
    is_paused=True,
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    Journal(tmp_path / "d.json").write([KEPT])
    assert Journal(tmp_path / "d.json").read() == (KEPT,)


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert Journal(tmp_path / "d.json").read() == ()


def test_a_damaged_file_is_told_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "d.json").write_bytes(b'{"downloads": [')
    assert Journal(tmp_path / "d.json").read() == ()
    assert "do not go on" in caplog.text


def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Journal(tmp_path / "no" / "d.json").write([KEPT])
    assert "pull again after a restart" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"repository": "../.."},
        {"repository": "owner"},
        {"repository": "a/../b", "url": "https://example.com/m-Q8_0.gguf"},
        {"files": ()},
        {"files": (KeptFile("m-Q8_0.gguf", 10, "md5:0"),)},
        {"files": (KeptFile("m-Q8_0.gguf", 0, DIGEST),)},
        {"files": (KeptFile("../x.gguf", 10, DIGEST), *KEPT.files)},
        {"variant": Variant("Q8_0", (), 10)},
        {"variant": Variant("Q8_0", ("../x.gguf",), 10)},
    ],
)
def test_names_that_could_not_have_come_from_a_hub_are_not_believed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    journal = Journal(tmp_path / "d.json")
    journal.write([msgspec.structs.replace(KEPT, **change), KEPT])
    assert journal.read() == (KEPT,)
