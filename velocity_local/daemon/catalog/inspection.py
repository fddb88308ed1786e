"""Looks a model over before any native code sees it: a GGUF file with its parts, or a folder."""

from pathlib import Path

from velocity_local.daemon.catalog import preflight
from velocity_local.daemon.catalog.files import part_path, split_of
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.mlx import files as mlx_files
from velocity_local.daemon.catalog.mlx.preflight import inspect_folder


def inspect(path: Path) -> Inspected:
    """The model whose only file, first file or folder is `path`.

    Raises:
        UnsoundFile: if one of its files is not sound.
        UnreadableFile: if one of its files is not a plain file.
    """
    return inspect_folder(path) if path.is_dir() else preflight.inspect(path)


def files_of(path: Path) -> list[Path]:
    """All files of that model; those of one in parts are told by its name.

    Raises:
        UnreadableFile: if its folder cannot be looked into.
    """
    if path.is_dir():
        return mlx_files.files_in(path)
    split = split_of(path.stem)
    if split is None:
        return [path]
    return [part_path(path, part + 1) for part in range(min(split[2], preflight.MAX_PARTS))]
