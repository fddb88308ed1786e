"""Files that are not what they seem: links, pipes, devices, names that are no text."""

import os
from pathlib import Path

from tests.support.gguf import gguf
from tests.unit.daemon.catalog.folders import broken, ids, put
from velocity_local.daemon.catalog.local import LocalCatalog


def test_links_out_of_the_folder_are_refused(
    root: Path, catalog: LocalCatalog, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside.gguf")
    (root / "escape.gguf").symlink_to(outside)
    (root / "nowhere.gguf").symlink_to(tmp_path / "none")
    (root / "folder").symlink_to(tmp_path)
    assert ids(catalog) == ["demo"]
    assert "leads out" in broken(catalog)["escape"]
    assert "leads nowhere" in broken(catalog)["nowhere"]


def test_links_inside_the_folder_are_fine(root: Path, catalog: LocalCatalog) -> None:
    put(root / "blobs" / "real.gguf")
    (root / "alias.gguf").symlink_to(root / "blobs" / "real.gguf")
    (root / "loop").symlink_to(root)
    assert ids(catalog) == ["demo", "alias", "blobs/real"]


def test_pipes_devices_and_folders_are_refused_without_waiting(
    root: Path, catalog: LocalCatalog
) -> None:
    os.mkfifo(root / "pipe.gguf")
    (root / "folder.gguf").mkdir()
    (root / "device.gguf").symlink_to("/dev/zero")
    assert ids(catalog) == ["demo"]
    assert broken(catalog)["pipe"] == "not a plain file"
    assert "leads out" in broken(catalog)["device"]


def test_names_that_cannot_be_printed_are_refused(root: Path, catalog: LocalCatalog) -> None:
    put(root / "evil\x1b[2J.gguf")
    (root / os.fsdecode(b"\xff.gguf")).write_bytes(gguf())
    assert ids(catalog) == ["demo"]
    assert all(name.isprintable() for name in broken(catalog))
