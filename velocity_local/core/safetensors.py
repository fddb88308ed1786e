"""Reads a safetensors file's header and proves that its tensors fill the file exactly.

Format: https://huggingface.co/docs/safetensors/index#format: eight bytes of length, that many of
JSON, then the tensors' bytes without holes. Nothing here is trusted: the only exception is
`SafetensorsError`.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple, NoReturn

from velocity_local.core.unsound import UnsoundFile

MAX_HEADER_BYTES = 1024 * 1024
MAX_TENSORS = 10_000
MAX_DIMENSIONS = 16
MAX_NAME_CHARS = 512
MAX_METADATA = 256
KEPT_TEXT_CHARS = 200
_LENGTH_BYTES = 8
_ELEMENT_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_INT64_MAX = 2**63 - 1
_FIELDS = {"dtype", "shape", "data_offsets"}


class SafetensorsError(UnsoundFile):
    """The file is not a sound safetensors file."""


class SafetensorsHeader(NamedTuple):
    """What a header says. `types` counts the elements stored in each type."""

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, int]
    metadata: Mapping[str, str]
    data_offset: int
    size_bytes: int

    @property
    def tensor_count(self) -> int:
        return len(self.shapes)


class _Extent(NamedTuple):
    begin: int
    end: int
    name: str


def read_header(file: BinaryIO, size_bytes: int) -> SafetensorsHeader:
    """The header of a file opened for reading at its start.

    Raises:
        SafetensorsError: for anything that the format forbids, and for sizes that no real model
            has.
    """
    document = _document(_text(file, size_bytes))
    data_offset = _LENGTH_BYTES + document.length_bytes
    metadata = _metadata(document.values.pop("__metadata__", {}))
    if not 0 < len(document.values) <= MAX_TENSORS:
        _refuse(f"{len(document.values)} tensors; from 1 to {MAX_TENSORS} expected")
    types: dict[str, int] = {}
    extents = []
    for name, value in document.values.items():
        extent, dtype, elements = _tensor(name, value)
        extents.append(extent)
        types[dtype] = types.get(dtype, 0) + elements
    _check_extents(extents, size_bytes - data_offset, data_offset)
    shapes = {name: tuple(value["shape"]) for name, value in document.values.items()}
    return SafetensorsHeader(shapes, types, metadata, data_offset, size_bytes)


class _Document(NamedTuple):
    values: dict[str, Any]
    length_bytes: int


def _text(file: BinaryIO, size_bytes: int) -> bytes:
    length = int.from_bytes(_read(file, _LENGTH_BYTES, 0), "little")
    if length > MAX_HEADER_BYTES:
        _refuse(f"header of {length} bytes; at most {MAX_HEADER_BYTES}")
    if length > size_bytes - _LENGTH_BYTES:
        _refuse(f"header of {length} bytes; the file has {size_bytes}")
    data = _read(file, length, _LENGTH_BYTES)
    if not data.startswith(b"{"):
        _refuse(f"the header begins with {data[:8]!r}; {{ expected", _LENGTH_BYTES)
    return data


def _read(file: BinaryIO, count: int, offset: int) -> bytes:
    try:
        data = file.read(count)
    except OSError as error:
        raise SafetensorsError(offset, f"cannot be read: {error.strerror}") from error
    if len(data) < count:
        _refuse(f"the file ends here; {count} bytes wanted, {len(data)} left", offset)
    return data


def _document(data: bytes) -> _Document:
    try:
        values = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse
        )
    except UnicodeDecodeError as error:
        raise SafetensorsError(_LENGTH_BYTES + error.start, "the header is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise SafetensorsError(_LENGTH_BYTES, f"the header is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits; deep nesting
        raise SafetensorsError(_LENGTH_BYTES, "the header is absurd JSON") from error
    if not isinstance(values, dict):
        _refuse("the header is no JSON object", _LENGTH_BYTES)
    return _Document(values, len(data))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        times = Counter(name for name, _ in pairs)
        twice = next(name for name in times if times[name] > 1)
        _refuse(f"{twice[:80]!r} is there twice", _LENGTH_BYTES)
    return values


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        _refuse("__metadata__ is no small object of texts", _LENGTH_BYTES)
    if not all(isinstance(text, str) for text in value.values()):
        _refuse("__metadata__ holds something else than texts", _LENGTH_BYTES)
    return {key[:KEPT_TEXT_CHARS]: text[:KEPT_TEXT_CHARS] for key, text in value.items()}


def _tensor(name: str, value: Any) -> tuple[_Extent, str, int]:
    if not name.isprintable() or not 0 < len(name) <= MAX_NAME_CHARS:
        _refuse(f"a tensor is called {name[:80]!a}", _LENGTH_BYTES)
    if not isinstance(value, dict) or value.keys() != _FIELDS:
        _refuse(f"tensor {name!r} has not just dtype, shape and data_offsets", _LENGTH_BYTES)
    bits = _ELEMENT_BITS.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if bits is None:
        _refuse(f"tensor {name!r} has the unknown type {str(value['dtype'])[:40]!r}", _LENGTH_BYTES)
    elements = _elements(name, value["shape"])
    extent = _extent(name, value["data_offsets"])
    if elements * bits != (extent.end - extent.begin) * 8:
        _refuse(
            f"tensor {name!r} has {elements} elements of {bits} bits in"
            f" {extent.end - extent.begin} bytes",
            _LENGTH_BYTES,
        )
    return extent, value["dtype"], elements


def _elements(name: str, shape: Any) -> int:
    if not _is_counts(shape) or len(shape) > MAX_DIMENSIONS:
        _refuse(f"tensor {name!r} has no shape of up to {MAX_DIMENSIONS} counts", _LENGTH_BYTES)
    elements: int = math.prod(shape)
    if elements > _INT64_MAX:
        _refuse(f"tensor {name!r} has an impossible shape", _LENGTH_BYTES)
    return elements


def _extent(name: str, offsets: Any) -> _Extent:
    if not _is_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        _refuse(f"tensor {name!r} has no two ascending data_offsets", _LENGTH_BYTES)
    return _Extent(offsets[0], offsets[1], name)


def _is_counts(values: Any) -> bool:
    """Whether these are whole numbers from 0 to 2^63 - 1; True is none, though Python says so."""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value <= _INT64_MAX for value in values
    )


def _check_extents(extents: list[_Extent], data_bytes: int, data_offset: int) -> None:
    """Tensors follow each other without gaps, and end where the file ends."""
    expected = 0
    for extent in sorted(extents):
        if extent.begin != expected:
            _refuse(
                f"tensor {extent.name!r} is at {extent.begin} of the data; {expected} expected",
                data_offset + expected,
            )
        expected = extent.end
    if expected != data_bytes:
        _refuse(
            f"the tensors end at {expected} of the data; the file has {data_bytes}", data_offset
        )


def _refuse(reason: str, offset: int = 0) -> NoReturn:
    raise SafetensorsError(offset, reason)
