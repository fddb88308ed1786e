"""Writes small safetensors files: sound ones, and with a `head` of one's own any unsound one."""

import json
import struct
from collections.abc import Mapping
from typing import Any

TENSORS: dict[str, Any] = {
    "__metadata__": {"format": "mlx"},
    "model.embed_tokens.weight": {"dtype": "U32", "shape": [4, 8], "data_offsets": [0, 128]},
    "model.embed_tokens.scales": {"dtype": "BF16", "shape": [4, 2], "data_offsets": [128, 144]},
    "model.norm.weight": {"dtype": "F16", "shape": [8], "data_offsets": [144, 160]},
}
DATA_BYTES = 160


def safetensors(values: Mapping[str, Any] = TENSORS, *, data_bytes: int = DATA_BYTES) -> bytes:
    """A whole file."""
    return packed(json.dumps(values, separators=(",", ":")).encode(), data_bytes=data_bytes)


def packed(head: bytes, *, length: int | None = None, data_bytes: int = DATA_BYTES) -> bytes:
    """A file with this text for its header."""
    return struct.pack("<Q", len(head) if length is None else length) + head + bytes(data_bytes)


def tensor(begin: int, end: int, shape: list[int], dtype: str = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
