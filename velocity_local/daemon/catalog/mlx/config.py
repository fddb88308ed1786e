"""Reads the settings of a model in MLX's format, and refuses those that name code to be run.

mlx-lm imports `mlx_lm.models.MODEL_TYPE`, or the file that `model_file` names; transformers the
classes of `auto_map`. Nothing here is trusted: the only exception is `MlxError`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.facts import MAX_CONTEXT, MAX_LAYERS

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_INDEX_BYTES = 32 * 1024 * 1024
_CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "model_file"})
_MODEL_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BITS = range(1, 17)
_MAX_WIDTH = 2**24


class MlxError(UnsoundFile):
    """The files are no sound model in MLX's format."""


class Config(NamedTuple):
    """What `config.json` tells; 0 for what it does not.

    `bits` is how many a quantized weight has, 0 if they are not quantized; `group_size` of them
    share a scale, and a bias where the mode is `affine`.
    """

    model_type: str
    layers: int
    kv_heads: int
    head_width: int
    context_length: int
    bits: int
    group_size: int
    mode: str


def read_document(data: bytes) -> dict[str, Any]:
    """A document of settings, which names no code.

    Raises:
        MlxError: if it does, or is no JSON object.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise MlxError(0, f"{len(data)} bytes; at most {MAX_DOCUMENT_BYTES}")
    document = _object(data)
    named = sorted({key for part in _parts(document) for key in part if key in _CODE_KEYS})
    if named:
        raise MlxError(
            0,
            f"it names Python code ({', '.join(named)}), and code that comes with a model is never"
            " run; look for a conversion without",
        )
    return document


def read_config(data: bytes) -> Config:
    """What the model's own settings say; those of its text part, if it has several.

    Raises:
        MlxError: as `read_document`, and for values that no model has.
    """
    document = read_document(data)
    for part in _parts(document):
        _check_type(part.get("model_type", None if part is document else "nested"))
    nested = document.get("text_config")
    text = nested if isinstance(nested, dict) else document
    heads = _count(text, "num_attention_heads", _MAX_WIDTH)
    width = _count(text, "hidden_size", _MAX_WIDTH)
    quantized = document.get("quantization", document.get("quantization_config"))
    bits, group_size, mode = _quantization(quantized if isinstance(quantized, dict) else {})
    return Config(
        model_type=str(document["model_type"]),
        layers=_count(text, "num_hidden_layers", MAX_LAYERS),
        kv_heads=_count(text, "num_key_value_heads", _MAX_WIDTH) or heads,
        head_width=_count(text, "head_dim", _MAX_WIDTH) or width // max(heads, 1),
        context_length=_count(text, "max_position_embeddings", MAX_CONTEXT),
        bits=bits,
        group_size=group_size,
        mode=mode,
    )


def read_index(data: bytes) -> frozenset[str]:
    """The files that an index of weights names.

    Raises:
        MlxError: if it is none.
    """
    if len(data) > MAX_INDEX_BYTES:
        raise MlxError(0, f"{len(data)} bytes; at most {MAX_INDEX_BYTES}")
    files = _object(data).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise MlxError(0, "it has no weight_map of names")
    return frozenset(files.values())


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or no UTF-8
        raise MlxError(0, f"it is no sound JSON: {str(error)[:120]}") from error
    if not isinstance(found, dict):
        raise MlxError(0, "it is no JSON object")
    return found


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document, and every object in it at any depth."""
    rest: list[Any] = [document]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            yield value
            rest += value.values()
        elif isinstance(value, list):
            rest += value


def _check_type(model_type: object) -> None:
    """It becomes part of a module's name."""
    if not isinstance(model_type, str) or _MODEL_TYPE.fullmatch(model_type) is None:
        raise MlxError(0, f"model_type is {str(model_type)[:80]!r}; a plain name expected")


def _count(values: Mapping[str, Any], name: str, at_most: int) -> int:
    """0 for what is not told as one number: some models have one for each layer."""
    value = values.get(name)
    if type(value) is not int:
        return 0
    if not 0 <= value <= at_most:
        raise MlxError(0, f"{name} is {value}; from 0 to {at_most} expected")
    return value


def _quantization(values: Mapping[str, Any]) -> tuple[int, int, str]:
    """Bits, group size and mode; bits 0 for a method that MLX does not have."""
    bits, group_size = _count(values, "bits", 64), _count(values, "group_size", _MAX_WIDTH)
    mode = values.get("mode", "affine")
    if bits not in _BITS or not group_size or not isinstance(mode, str):
        return 0, 0, ""
    return bits, group_size, mode[:16]
