"""What a GGUF header tells about the model: names and numbers for people and for planning."""

from typing import NamedTuple

from velocity_local.daemon.catalog.cursor import GgufError
from velocity_local.daemon.catalog.ggml_types import FILE_TYPES
from velocity_local.daemon.catalog.gguf import TEMPLATE_KEY, Header, Value

MAX_CONTEXT = 2**31 - 1
MAX_LAYERS = 4096
SHOWN_TEXT_CHARS = 200
_F16_BYTES = 2
_POOLED = {1, 2, 3}


class ModelFacts(NamedTuple):
    """`kv_bytes_per_token` is for f16 and for attention in every layer: an upper bound for
    models with windows or recurrent layers. `split_count` is 0 for a model in one file;
    `is_model` is False for projectors, adapters and the like, which come as GGUF too.
    """

    architecture: str
    name: str
    quantization: str
    parameters: int
    context_length: int
    licence: str
    has_chat_template: bool
    is_embedding: bool
    kv_bytes_per_token: int
    split_count: int
    is_model: bool


def read_facts(header: Header) -> ModelFacts:
    """What the header says of the model.

    Raises:
        GgufError: if a value that the loader needs is missing, of the wrong type, or absurd.
    """
    architecture = _text(header, "general.architecture")
    if not architecture:
        raise GgufError(0, "general.architecture is missing")
    split_count = _integer(header, "split.count", default=0, at_most=65_535)
    if not header.tensor_count and split_count < 2:
        raise GgufError(0, "the file has no tensors")
    return ModelFacts(
        architecture=architecture,
        name=_text(header, "general.name"),
        quantization=_quantization(header),
        parameters=header.parameters,
        context_length=_integer(header, f"{architecture}.context_length", at_most=MAX_CONTEXT),
        licence=_text(header, "general.license"),
        has_chat_template=TEMPLATE_KEY in header.values,
        is_embedding=_is_embedding(header, architecture),
        kv_bytes_per_token=_kv_bytes_per_token(header, architecture),
        split_count=split_count,
        is_model=_is_model(header, architecture),
    )


def _is_model(header: Header, architecture: str) -> bool:
    """False for what is stored as GGUF too: projectors, adapters, importance matrices."""
    kind = _text(header, "general.type")
    return kind in {"", "model"} and architecture not in {"clip", "mmproj", "imatrix"}


def _is_embedding(header: Header, architecture: str) -> bool:
    pooling = _integer(header, f"{architecture}.pooling_type", default=0, at_most=16)
    causal = header.values.get(f"{architecture}.attention.causal", True)
    return pooling in _POOLED or not causal


def _quantization(header: Header) -> str:
    """The name of `general.file_type`, else the type that holds most elements."""
    file_type = _integer(header, "general.file_type", default=-1, at_most=2**31)
    if file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    return max(header.types, key=lambda name: header.types[name], default="")


def _kv_bytes_per_token(header: Header, architecture: str) -> int:
    layers = _integer(header, f"{architecture}.block_count", at_most=MAX_LAYERS)
    width = _integer(header, f"{architecture}.embedding_length", at_most=2**24)
    heads = _per_layer(header, f"{architecture}.attention.head_count", layers)
    kv_heads = _per_layer(header, f"{architecture}.attention.head_count_kv", layers) or heads
    head_width = width // max(heads, default=0) if any(heads) else 0
    key = _integer(
        header, f"{architecture}.attention.key_length", default=head_width, at_most=2**20
    )
    value = _integer(
        header, f"{architecture}.attention.value_length", default=head_width, at_most=2**20
    )
    return sum(kv_heads) * (key + value) * _F16_BYTES


def _per_layer(header: Header, key: str, layers: int) -> tuple[int, ...]:
    """One number for each layer; a single number stands for all of them."""
    value = header.values.get(key)
    if value is None:
        return ()
    numbers = value if isinstance(value, tuple) else (value,) * layers
    if not all(isinstance(number, int) and 0 <= number < 2**20 for number in numbers):
        raise GgufError(0, f"{key} is {_shown(value)}; small whole numbers expected")
    return tuple(int(number) for number in numbers if not isinstance(number, str))


def _integer(header: Header, key: str, *, default: int = 0, at_most: int) -> int:
    value = header.values.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= at_most:
        raise GgufError(0, f"{key} is {_shown(value)}; a number from 0 to {at_most} expected")
    return value


def _text(header: Header, key: str) -> str:
    value = header.values.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise GgufError(0, f"{key} is {_shown(value)}; a text expected")
    return _shown(value)


def _shown(value: Value) -> str:
    """One line that is safe to print: no control characters, no surprises in length."""
    text = str(value)[:SHOWN_TEXT_CHARS]
    return "".join(char if char.isprintable() else " " for char in text).strip()
