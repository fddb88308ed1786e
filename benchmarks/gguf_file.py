"""Writes GGUF version 3 files. Knows the container, nothing of models or vocabularies.

The layout is llama.cpp's (`ggml/include/gguf.h`): magic, version, counts, key-value pairs, tensor
descriptions, then the tensors' bytes, each aligned to 32.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32

Scalar = str | bool | int | float
Value = Scalar | Sequence[str] | Sequence[int]


class ValueType(IntEnum):
    """The value types that this writer uses, with the numbers of the format."""

    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9


class TensorType(IntEnum):
    """Unquantized element types, with ggml's numbers."""

    F32 = 0
    F16 = 1


NUMPY_TYPES: dict[TensorType, str] = {TensorType.F32: "<f4", TensorType.F16: "<f2"}


class Tensor(NamedTuple):
    """`chunks` gives the elements row by row, in float32; `shape` has the slowest axis first."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    chunks: Iterable[NDArray[np.float32]]

    @property
    def n_bytes(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count * np.dtype(NUMPY_TYPES[self.type]).itemsize


def write_gguf(path: Path, metadata: Mapping[str, Value], tensors: Sequence[Tensor]) -> None:
    """The file appears under its name only when it is complete.

    Raises:
        ValueError: if a tensor's chunks do not add up to its shape.
    """
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)))
        for key, value in metadata.items():
            file.write(_string(key) + _typed(value))
        for tensor, offset in zip(tensors, _offsets(tensors), strict=True):
            file.write(_description(tensor, offset))
        for tensor in tensors:
            _align(file)
            _write_elements(file, tensor)
        _align(file)
    partial.replace(path)


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _typed(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", ValueType.BOOL, value)
        case int():
            return struct.pack("<II", ValueType.UINT32, value)
        case float():
            return struct.pack("<If", ValueType.FLOAT32, value)
        case str():
            return struct.pack("<I", ValueType.STRING) + _string(value)
        case _:
            return _array(value)


def _array(values: Sequence[str] | Sequence[int]) -> bytes:
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        head = struct.pack("<IIQ", ValueType.ARRAY, ValueType.STRING, len(texts))
        return head + b"".join(map(_string, texts))
    head = struct.pack("<IIQ", ValueType.ARRAY, ValueType.INT32, len(values))
    return head + np.asarray(values, dtype="<i4").tobytes()


def _offsets(tensors: Sequence[Tensor]) -> Iterator[int]:
    offset = 0
    for tensor in tensors:
        yield offset
        offset += -(-tensor.n_bytes // ALIGNMENT) * ALIGNMENT


def _description(tensor: Tensor, offset: int) -> bytes:
    axes = tensor.shape[::-1]
    shape = struct.pack(f"<I{len(axes)}Q", len(axes), *axes)
    return _string(tensor.name) + shape + struct.pack("<IQ", tensor.type, offset)


def _align(file: BinaryIO) -> None:
    file.write(bytes(-file.tell() % ALIGNMENT))


def _write_elements(file: BinaryIO, tensor: Tensor) -> None:
    start = file.tell()
    file.writelines(chunk.astype(NUMPY_TYPES[tensor.type]).tobytes() for chunk in tensor.chunks)
    written = file.tell() - start
    if written != tensor.n_bytes:
        raise ValueError(f"{tensor.name} has {written} bytes; its shape needs {tensor.n_bytes}")
