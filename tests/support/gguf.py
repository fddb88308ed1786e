"""Writes small GGUF files: sound ones, and with `raw` pieces any unsound one."""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from velocity_local.daemon.catalog.ggml_types import GGML_TYPES

MAGIC = b"GGUF"
_KINDS = {bool: 7, int: 4, float: 6, str: 8}
_FORMATS = {0: "<B", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

Scalar = bool | int | float | str
Item = Scalar | Sequence[Scalar]


class Tensor(NamedTuple):
    """A tensor of zeros; `kind` is a ggml type id. `offset` None: where it belongs."""

    name: str
    shape: tuple[int, ...]
    kind: int = 0
    offset: int | None = None

    @property
    def size_bytes(self) -> int:
        _, block, block_bytes = GGML_TYPES[self.kind]
        elements = 1
        for size in self.shape:
            elements *= size
        return elements // block * block_bytes


LLAMA: dict[str, Item] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.file_type": 1,
    "general.license": "mit",
    "llama.block_count": 2,
    "llama.context_length": 128,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.chat_template": "{{ messages[0].content }}",
    "tokenizer.ggml.tokens": ["<s>", "</s>", "a", "b"],
    "tokenizer.ggml.scores": [0.0, 0.0, -1.0, -2.0],
}
TENSORS = (
    Tensor("token_embd.weight", (64, 4), 1),
    Tensor("blk.0.attn_q.weight", (64, 64), 2),
    Tensor("output_norm.weight", (64,)),
)


def gguf(
    values: Mapping[str, Item] | None = None,
    tensors: Sequence[Tensor] = TENSORS,
    *,
    version: int = 3,
    alignment: int = 32,
    magic: bytes = MAGIC,
) -> bytes:
    """A whole file."""
    items = dict(LLAMA if values is None else values)
    head = magic + struct.pack("<IQQ", version, len(tensors), len(items))
    head += b"".join(key_value(key, value) for key, value in items.items())
    infos, data = _tensors(tensors, alignment)
    head += infos
    return _pad(head, alignment) + data


def key_value(key: str, value: Item) -> bytes:
    if isinstance(value, (bool, int, float, str)):
        return string(key.encode()) + struct.pack("<I", _KINDS[type(value)]) + _scalar(value)
    kind = _KINDS[type(value[0])] if value else 4
    body = b"".join(_scalar(item) for item in value)
    return string(key.encode()) + struct.pack("<IIQ", 9, kind, len(value)) + body


def typed(key: str, kind: int, value: float) -> bytes:
    """A key whose number has the given GGUF type."""
    return string(key.encode()) + struct.pack("<I", kind) + struct.pack(_FORMATS[kind], value)


def string(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def _scalar(value: Scalar) -> bytes:
    if isinstance(value, str):
        return string(value.encode())
    return struct.pack(_FORMATS[_KINDS[type(value)]], value)


def _tensors(tensors: Sequence[Tensor], alignment: int) -> tuple[bytes, bytes]:
    infos, data = b"", b""
    for tensor in tensors:
        offset = len(data) if tensor.offset is None else tensor.offset
        infos += string(tensor.name.encode()) + struct.pack("<I", len(tensor.shape))
        infos += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        infos += struct.pack("<IQ", tensor.kind, offset)
        data += _pad(bytes(tensor.size_bytes), alignment)
    return infos, data


def _pad(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)
