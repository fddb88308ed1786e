"""Finds the models that other programs keep on this machine. Their files are hostile data."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from velocity_local.config.stores import StorePaths
from velocity_local.core.library import Store
from velocity_local.daemon.catalog.downloads.reference import is_safe_path
from velocity_local.daemon.catalog.files import model_files, part_path, split_of
from velocity_local.daemon.catalog.mlx.files import CONFIG, files_in, is_folder, model_folders

MAX_FOUND = 2000
_MAX_MANIFEST_BYTES = 64 * 1024
_CACHED = re.compile(r"models--(?P<owner>.+?)--(?P<name>.+)")
_DIGEST = re.compile(r"sha256:(?P<hex>[0-9a-f]{64})")
_MODEL_LAYER = "application/vnd.ollama.image.model"


class Seen(NamedTuple):
    """A model in a store: the name it would have here, and its files in order.

    `folder` is where they lie together, for one in MLX's format.
    """

    id: str
    store: Store
    files: tuple[Path, ...]
    folder: Path | None = None


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: tuple[_Layer, ...] = ()


def in_stores(paths: StorePaths) -> list[Seen]:
    """What the known programs keep."""
    found: list[Seen] = [*_huggingface(paths.huggingface), *_ollama(paths.ollama)]
    for folder in paths.lm_studio:
        found += _folder(folder, "lm studio", below="")
    return found


def in_folder(folder: Path) -> list[Seen]:
    """What lies in any folder and below it."""
    own = of_path(folder)
    return [*([own] if own else []), *_folder(folder, "folder", below="imported/")]


def of_path(path: Path) -> Seen | None:
    """The model whose folder, only or first file is `path`; None if a part of it is missing."""
    folder = path.parent if path.name == CONFIG else path
    if is_folder(folder):
        return next(_mlx([folder], "folder", lambda path: f"imported/{path.name}"), None)
    return next(_models([path], "folder", lambda file: f"imported/{file.name}"), None)


def _huggingface(hub: Path) -> Iterator[Seen]:
    """`models--OWNER--NAME/snapshots/COMMIT/FILE`, links to the cache's blobs."""
    for folder in _children(hub):
        match = _CACHED.fullmatch(folder.name)
        if match is None:
            continue
        repository = f"{match['owner']}/{match['name']}"
        for snapshot in _children(folder / "snapshots")[-1:]:
            if is_folder(snapshot):
                yield from _mlx([snapshot], "huggingface", lambda _, name=repository: name)  # type: ignore[misc]  # the default binds the loop's value
            yield from _models(
                model_files(snapshot),
                "huggingface",
                lambda path, top=snapshot, name=repository: (  # type: ignore[misc]  # defaults bind the loop's values
                    f"{name}/{path.relative_to(top).as_posix()}"
                ),
            )


def _folder(folder: Path, store: Store, *, below: str) -> Iterator[Seen]:
    def name(path: Path) -> str:
        return below + path.relative_to(folder).as_posix()

    yield from _models(model_files(folder), store, name)
    yield from _mlx(model_folders(folder), store, name)


def _mlx(folders: Iterable[Path], store: Store, name: Callable[[Path], str]) -> Iterator[Seen]:
    """Folders in MLX's format with a safe name."""
    for folder in islice(folders, MAX_FOUND):
        identifier = name(folder)
        if is_safe_path(identifier):
            yield Seen(identifier, store, tuple(files_in(folder)), folder)


def _models(paths: Iterable[Path], store: Store, name: Callable[[Path], str]) -> Iterator[Seen]:
    """Files with a safe name; the parts of one model together, if all are there."""
    for path in islice(paths, MAX_FOUND):
        split = split_of(path.stem)
        if split is not None and split[1] != 1:
            continue
        parts = [part_path(path, part + 1) for part in range(split[2])] if split else [path]
        plain = name(path.with_name(split[0] + path.suffix) if split else path)
        if is_safe_path(plain) and all(part.is_file() for part in parts):
            yield Seen(plain[: -len(path.suffix)], store, tuple(parts))


def _ollama(models: Path) -> Iterator[Seen]:
    """`manifests/HOST/OWNER/NAME/TAG` names a blob `blobs/sha256-HEX`, which is a GGUF file."""
    for manifest in islice((models / "manifests").glob("*/*/*/*"), MAX_FOUND):
        blob = _blob(models, manifest)
        name = f"ollama/{manifest.parent.name}-{manifest.name}"
        if blob is not None and is_safe_path(name):
            yield Seen(name, "ollama", (blob,))


def _blob(models: Path, manifest: Path) -> Path | None:
    try:
        with manifest.open("rb") as file:
            read = msgspec.json.decode(file.read(_MAX_MANIFEST_BYTES), type=_Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    for layer in read.layers:
        match = _DIGEST.fullmatch(layer.digest)
        if layer.media_type == _MODEL_LAYER and match is not None:
            blob = models / "blobs" / f"sha256-{match['hex']}"
            return blob if blob.is_file() else None
    return None


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    except OSError:  # the program is not here
        return []
