"""Which files make a model in MLX's format: weights, configuration, tokenizer. None holds code.

A model is a folder with `config.json`, its weights, one or several `model*.safetensors`, and
`tokenizer.json`. Python files, pickles and everything else that a repository may hold is no part of
it, and is never fetched.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from velocity_local.daemon.catalog.files import MAX_DEPTH, MAX_FILES, UnreadableFile

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
POOLING = "1_Pooling/config.json"
"""Only models that embed have it."""
_WEIGHTS = re.compile(r"model[^/]*\.safetensors")
# Next to a model such files would be run, or unpacked by running them.
_CODE = frozenset({".py", ".pyc", ".pyd", ".so", ".dylib", ".dll"})
_PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
# Small documents of settings, in which code could be named.
DOCUMENTS = frozenset(
    {
        CONFIG,
        POOLING,
        "added_tokens.json",
        "chat_template.json",
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "special_tokens_map.json",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
    }
)
_OTHERS = frozenset({"chat_template.jinja", "merges.txt", "vocab.json", "vocab.txt", INDEX})
_WANTED = DOCUMENTS | {TOKENIZER} | _OTHERS


def is_wanted(name: str) -> bool:
    """Whether a file of this name is a part of a model; `name` is relative to its folder."""
    return name in _WANTED or is_weights(name)


def is_weights(name: str) -> bool:
    return _WEIGHTS.fullmatch(name) is not None


def is_folder(path: Path) -> bool:
    """Whether there is a model in the folder, sound or not."""
    return (path / CONFIG).is_file() and any(path.glob("model*.safetensors"))


def files_in(folder: Path) -> list[Path]:
    """All files of the folder's model, the configuration first.

    Raises:
        UnreadableFile: if the folder cannot be looked into.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if is_wanted(path.name))
        names += [POOLING] if (folder / POOLING).is_file() else []
    except OSError as error:
        raise UnreadableFile(f"{folder} cannot be read: {error.strerror}") from error
    return [folder / name for name in sorted(names, key=lambda name: name != CONFIG)]


def name_in(folder: Path, file: Path) -> str:
    """What a file is called in its model."""
    return file.relative_to(folder).as_posix()


def unsafe_in(folder: Path) -> str:
    """A file beside the model that holds code; empty if there is none."""
    unsafe = _CODE | _PICKLES
    found = (path for path in islice(folder.rglob("*"), MAX_FILES) if path.suffix.lower() in unsafe)
    return next((name_in(folder, path) for path in found), "")


def model_folders(root: Path) -> Iterator[Path]:
    """Folders below `root` with a model in MLX's format; those that are links are not entered."""
    return islice(_folders(root, MAX_DEPTH), MAX_FILES)


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        children = sorted(folder.iterdir())
    except OSError:  # gone or not ours to read: it holds no model for us
        return
    for path in children:
        if path.name.startswith(".") or path.is_symlink() or not path.is_dir():
            continue
        if is_folder(path):
            yield path
        elif depth:
            yield from _folders(path, depth - 1)
