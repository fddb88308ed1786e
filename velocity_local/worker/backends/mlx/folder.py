"""A model folder as files: read within bounds, and refused before anything in it could run.

Loaders have run Python that lay beside the weights (CVE-2026-5843: `model_file` of config.json;
`auto_map`), and pickled weights are programs. A folder with any of these is refused, used or not.
Weights are safetensors whose headers have been proved sound before the library reads one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from velocity_local.core.safetensors import SafetensorsError, SafetensorsHeader, read_header
from velocity_local.worker.engine.backend import BackendError

Settings = dict[str, Any]

MAX_SETTINGS_BYTES = 4 * 1024 * 1024
MAX_TOKENIZER_BYTES = 128 * 1024 * 1024
MAX_FILES = 2000
MAX_LAYERS = 1024
_CODE = frozenset({".py", ".pyc", ".pyd", ".so", ".dylib", ".dll"})
_PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
# Keys under which settings name code of the folder's own
_CODE_KEYS = frozenset({"auto_map", "model_file"})
_LAYER_KEYS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")


class ModelFolder(NamedTuple):
    """The settings and the weights of one model. Absent settings are empty."""

    path: Path
    config: Settings
    generation: Settings
    tokenizer: Settings
    special_tokens: Settings
    pooling: Settings
    weights: tuple[Path, ...]
    headers: tuple[SafetensorsHeader, ...]

    @property
    def weights_bytes(self) -> int:
        return sum(header.size_bytes - header.data_offset for header in self.headers)


def read_folder(path: str) -> ModelFolder:
    """The folder, looked through.

    Raises:
        BackendError: naming the file that cannot be used, and why.
    """
    folder = Path(path)
    if not folder.is_dir():
        _refuse(f"{path} is no folder of an MLX model")
    try:
        _refuse_code(folder)
        config = _settings(folder / "config.json")
        found = ModelFolder(
            folder,
            config,
            _settings(folder / "generation_config.json"),
            _settings(folder / "tokenizer_config.json"),
            _settings(folder / "special_tokens_map.json"),
            _settings(folder / "1_Pooling" / "config.json"),
            weights := _weights(folder),
            tuple(_header(file) for file in weights),
        )
    except OSError as error:
        raise BackendError(f"{path} cannot be read: {error}") from error
    if not config:
        _refuse(f"{path} has no config.json; give the folder of an MLX model")
    if not weights:
        _refuse(f"{path} has no weights called model*.safetensors")
    _check_layers(config)
    return found


def _refuse_code(folder: Path) -> None:
    for number, file in enumerate(_files(folder)):
        if number >= MAX_FILES:
            _refuse(f"{folder} has more than {MAX_FILES} files")
        suffix = file.suffix.lower()
        name = file.relative_to(folder)
        if suffix in _CODE:
            _refuse(f"{name} is code, and a model's folder must have none; remove it")
        if suffix in _PICKLES:
            _refuse(f"{name} may hold pickled code; only safetensors are loaded; remove it")


def _files(folder: Path) -> Iterator[Path]:
    """All files below, through no link to a folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            yield from _files(entry)
        else:
            yield entry


def _settings(file: Path) -> Settings:
    """A file of settings; empty if there is none."""
    if not file.exists():
        return {}
    if file.stat().st_size > MAX_SETTINGS_BYTES:
        _refuse(f"{file.name} has {file.stat().st_size} bytes; at most {MAX_SETTINGS_BYTES}")
    try:
        values = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BackendError(f"{file.name} is no sound JSON: {error}") from error
    if not isinstance(values, dict):
        _refuse(f"{file.name} is no JSON object")
    named = _CODE_KEYS & set(_keys(values))
    if named:
        _refuse(
            f"{file.name} has {min(named)!r}, which asks for code of the folder to be run;"
            " this is never done"
        )
    return values


def _keys(values: object) -> Iterator[str]:
    if isinstance(values, dict):
        yield from values
        for value in values.values():
            yield from _keys(value)
    elif isinstance(values, list):
        for value in values:
            yield from _keys(value)


def _weights(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("model*.safetensors")))


def _header(file: Path) -> SafetensorsHeader:
    with file.open("rb") as opened:
        try:
            return read_header(opened, file.stat().st_size)
        except SafetensorsError as error:
            raise BackendError(f"{file.name} is damaged: {error}") from error


def _check_layers(config: Settings) -> None:
    """A model is built layer by layer before its weights are looked at."""
    for part in (config, config.get("text_config")):
        for key in _LAYER_KEYS:
            n_layers = part.get(key, 0) if isinstance(part, dict) else 0
            if not isinstance(n_layers, int) or not 0 <= n_layers <= MAX_LAYERS:
                _refuse(f"config.json has {key} {str(n_layers)[:40]}; at most {MAX_LAYERS}")


def _refuse(reason: str) -> NoReturn:
    raise BackendError(reason)
