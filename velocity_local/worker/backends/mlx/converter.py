"""Writes a model folder with its weights packed in 4 or 8 bits, or mixed by layer.

The source is a folder of safetensors, as trained or as converted in floats. Weights are read
lazily, one after another, so that what is in memory is the packed model. Of the other files only
settings and the vocabulary are taken along, never code.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from velocity_local.worker.backends.mlx import native
from velocity_local.worker.backends.mlx.folder import ModelFolder, Settings, read_folder
from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, Array, Model, mx, nn
from velocity_local.worker.backends.mlx.weights import empty_model, quantize
from velocity_local.worker.engine.backend import BackendError

Progress = Callable[[int, int], None]

MAX_SHARD_BYTES = 4 * 1024**3
_TAKEN = (
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)
# Layers that lose most by few bits: what reads and writes words, and what writes into the stream
_DELICATE = re.compile(r"(embed_tokens|lm_head|wte|v_proj|down_proj)$")


class Packing(NamedTuple):
    """Bits of a weight, by how many share a scale. `is_mixed`: delicate layers have 8 bits."""

    bits: int
    group_size: int = 64
    is_mixed: bool = False


PACKINGS = {
    "4bit": Packing(4),
    "8bit": Packing(8),
    "mixed": Packing(4, is_mixed=True),
}


def convert(source: str, target: Path, packing: Packing, progress: Progress) -> None:
    """Write the folder at `source` to `target`, which must not exist, and tell of each weight.

    Raises:
        BackendError: if the source cannot be used, or is packed already.
        OSError: if the target cannot be written.
    """
    folder = read_folder(source)
    if "quantization" in folder.config or "quantization_config" in folder.config:
        raise BackendError(f"{folder.path.name} is quantized already; take it as it was trained")
    native.use_device(gpu=True)
    target.mkdir(parents=True)
    try:
        model = _read(folder)
        config = {**folder.config, "quantization": _pack(model, packing)}
        _write_weights(target, model, progress)
    except LIBRARY_ERRORS as error:
        raise BackendError(f"{folder.path.name} cannot be converted: {error}") from error
    (target / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    for name in _TAKEN:
        if (folder.path / name).is_file():
            shutil.copyfile(folder.path / name, target / name)


def _read(folder: ModelFolder) -> Model:
    """The model, its weights not yet in memory."""
    model = empty_model(folder.config)
    weights: dict[str, Array] = {}
    for file in folder.weights:
        weights.update(mx.load(str(file)))
    sanitized = model.sanitize(weights) if hasattr(model, "sanitize") else weights
    quantize(model, folder.config, sanitized)
    model.load_weights(list(sanitized.items()), strict=True)
    return model


def _pack(model: Model, packing: Packing) -> Settings:
    """Have the layers packed; what config.json says of it."""
    settings: Settings = {"group_size": packing.group_size, "bits": packing.bits, "mode": "affine"}

    def form(path: str, module: Any) -> bool | Settings:
        if not hasattr(module, "to_quantized"):
            return False
        if module.weight.shape[-1] % packing.group_size:
            return False
        if packing.is_mixed and _DELICATE.search(path):
            settings[path] = {"group_size": packing.group_size, "bits": 8, "mode": "affine"}
            return dict(settings[path])
        return True

    nn.quantize(model, group_size=packing.group_size, bits=packing.bits, class_predicate=form)
    return settings


def _write_weights(target: Path, model: Model, progress: Progress) -> None:
    arrays = dict(_named(model.parameters()))
    shards = list(_shards(arrays))
    placed: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        file = "model.safetensors"
        if len(shards) > 1:
            file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        shard = {}
        for name in names:
            shard[name] = arrays.pop(name)
            mx.eval(shard[name])
            placed[name] = file
            progress(len(placed), len(placed) + len(arrays))
        mx.save_safetensors(str(target / file), shard, metadata={"format": "mlx"})
    if len(shards) > 1:
        index = {"metadata": {}, "weight_map": placed}
        (target / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _named(tree: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    """Arrays of nested modules by their names."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _named(value, f"{path}.{key}" if path else key)
    elif isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from _named(value, f"{path}.{i}")
    else:
        yield path, tree


def _shards(arrays: dict[str, Array]) -> Iterator[list[str]]:
    names: list[str] = []
    n_bytes = 0
    for name, array in arrays.items():
        if names and n_bytes + array.nbytes > MAX_SHARD_BYTES:
            yield names
            names, n_bytes = [], 0
        names.append(name)
        n_bytes += array.nbytes
    yield names
