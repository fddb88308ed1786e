"""Reads a GGUF file's header and proves that every tensor lies inside the file.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little
endian. The checks are those of llama.cpp's own reader with tighter limits. Nothing here is
trusted: the only exception is `GgufError`.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from velocity_local.daemon.catalog.cursor import Cursor, GgufError
from velocity_local.daemon.catalog.ggml_types import GGML_TYPES

MAX_KEYS = 8_192
MAX_TENSORS = 16_384
MAX_ARRAY_ELEMENTS = 4_000_000
# Of real models the largest have some 262,000 tokens and 515,000 merges.
MAX_VOCABULARY = 524_288
MAX_STRINGS = 1_200_000
TOKENS_KEY = "tokenizer.ggml.tokens"
TEMPLATE_KEY = "tokenizer.chat_template"
MAX_KEY_BYTES = 65_535
MAX_NAME_BYTES = 63
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1024 * 1024
KEPT_TEXT_BYTES = 4096
KEPT_TEMPLATE_BYTES = 64 * 1024
KEPT_NUMBERS = 1024
DEFAULT_ALIGNMENT = 32
_EMPTY_STRING = bytes(8)
_INT64_MAX = 2**63 - 1
_STRING, _ARRAY = 8, 9
_NUMBERS: dict[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_MIN_KEY_RECORD = 8 + 1 + 4 + 1
_MIN_TENSOR_RECORD = 8 + 4 + 4 + 8

Value = int | float | str | tuple[int | float, ...]


class Tensor(NamedTuple):
    """A tensor as the header describes it; `shape` has the fastest axis first."""

    name: bytes
    type_name: str
    elements: int
    size_bytes: int
    offset: int
    shape: tuple[int, ...] = ()


class Header(NamedTuple):
    """What a header says. Texts are cut at 4 KiB, the template at 64; long arrays and arrays of
    texts are left out.

    `types` counts the elements stored in each ggml type; tensor data begins at `data_offset`.
    `vocabulary` is the number of tokens, 0 if the file has none. `kinds` has the GGUF type of
    every key, of those left out as well.
    """

    version: int
    values: Mapping[str, Value]
    tensor_count: int
    types: Mapping[str, int]
    data_offset: int
    size_bytes: int
    vocabulary: int = 0
    tensors: tuple[Tensor, ...] = ()
    kinds: Mapping[str, int] = MappingProxyType({})

    @property
    def parameters(self) -> int:
        return sum(self.types.values())


def read_header(file: BinaryIO, size_bytes: int) -> Header:
    """The header of a file opened for reading at its start.

    Raises:
        GgufError: for anything that llama.cpp would refuse or stumble over, and for sizes that
            no real model has.
    """
    cursor = Cursor(file, size_bytes)
    version = _version(cursor)
    tensor_count = _count(cursor, "tensors", MAX_TENSORS, _MIN_TENSOR_RECORD)
    key_count = _count(cursor, "keys", MAX_KEYS, _MIN_KEY_RECORD)
    values, kinds = _values(cursor, key_count)
    vocabulary = values.pop(TOKENS_KEY, 0)
    alignment = _alignment(values)
    tensors = _tensors(cursor, tensor_count)
    data_offset = _padded(cursor.offset, alignment)
    _check_extents(tensors, data_offset=data_offset, alignment=alignment, size_bytes=size_bytes)
    return Header(
        version,
        values,
        tensor_count,
        _elements(tensors),
        data_offset,
        size_bytes,
        vocabulary if isinstance(vocabulary, int) and 0 <= vocabulary <= MAX_VOCABULARY else 0,
        tuple(tensors),
        kinds,
    )


def _version(cursor: Cursor) -> int:
    if (magic := cursor.take(4)) != b"GGUF":
        raise GgufError(0, f"not a GGUF file: it begins with {magic!r}")
    version = cursor.u32()
    if version not in {2, 3}:
        raise GgufError(4, f"GGUF version {version}; 2 and 3 are known")
    return version


def _count(cursor: Cursor, what: str, limit: int, min_record: int) -> int:
    offset = cursor.offset
    count = cursor.u64()
    if count > limit:
        raise GgufError(offset, f"{count} {what}; at most {limit}")
    if count * min_record > cursor.remaining:
        raise GgufError(offset, f"{count} {what} do not fit into {cursor.remaining} bytes")
    return count


def _values(cursor: Cursor, count: int) -> tuple[dict[str, Value], dict[str, int]]:
    """What is kept, and the GGUF type of every key."""
    kept: dict[str, Value] = {}
    kinds: dict[str, int] = {}
    for _ in range(count):
        offset = cursor.offset
        key = _text(cursor.string(at_most=MAX_KEY_BYTES), offset, "key")
        if not key or key in kinds:
            raise GgufError(offset, f"key {key!r} is {'a duplicate' if key else 'empty'}")
        kinds[key], value = _value(cursor, key)
        if value is not None:
            kept[key] = value
    return kept, kinds


def _value(cursor: Cursor, key: str) -> tuple[int, Value | None]:
    """Type and value; None for one that is skipped."""
    offset = cursor.offset
    kind = cursor.u32()
    if kind == _STRING:
        kept_bytes = KEPT_TEMPLATE_BYTES if key == TEMPLATE_KEY else KEPT_TEXT_BYTES
        return kind, cursor.string()[:kept_bytes].decode(errors="replace")
    if kind == _ARRAY:
        return kind, _array(cursor, key)
    if (layout := _NUMBERS.get(kind)) is None:
        raise GgufError(offset, f"key {key!r} has the unknown type {kind}")
    number: int | float = layout.unpack(cursor.take(layout.size))[0]
    return kind, number


def _array(cursor: Cursor, key: str) -> Value | None:
    offset = cursor.offset
    kind = cursor.u32()
    count = cursor.u64()
    if count > MAX_ARRAY_ELEMENTS:
        raise GgufError(offset, f"{key!r} has {count} elements; at most {MAX_ARRAY_ELEMENTS}")
    if kind == _STRING:
        cursor.count_strings(count, at_most=MAX_STRINGS)
        if count * 8 > cursor.remaining:
            raise GgufError(offset, f"{count} strings do not fit into {cursor.remaining} bytes")
        if key == TOKENS_KEY:
            _check_tokens(cursor, count, offset)
            return count
        cursor.skip_strings(count)
        return None
    if (layout := _NUMBERS.get(kind)) is None:
        raise GgufError(offset, f"array {key!r} has the unknown element type {kind}")
    if count > KEPT_NUMBERS:
        cursor.skip(count * layout.size)
        return None
    data = cursor.take(count * layout.size)
    return tuple(number for (number,) in layout.iter_unpack(data))


def _check_tokens(cursor: Cursor, count: int, offset: int) -> None:
    """Two tokens with one text end llama.cpp's process while it loads."""
    if count > MAX_VOCABULARY:
        raise GgufError(offset, f"a vocabulary of {count} tokens; at most {MAX_VOCABULARY}")
    tokens = cursor.strings(count)
    if len(set(tokens)) == len(tokens):
        return
    for token, times in Counter(tokens).items():
        if times > 1 and token != _EMPTY_STRING:
            raise GgufError(offset, f"token {token[8:48]!r} is in the vocabulary twice")


def _text(data: bytes, offset: int, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise GgufError(offset, f"a {what} is not UTF-8") from error


def _alignment(values: Mapping[str, Value]) -> int:
    alignment = values.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT:
        raise GgufError(0, f"general.alignment is {alignment!r}; a power of two expected")
    if alignment & (alignment - 1):
        raise GgufError(0, f"general.alignment is {alignment}; a power of two expected")
    return alignment


def _tensors(cursor: Cursor, count: int) -> list[Tensor]:
    tensors = [_tensor(cursor) for _ in range(count)]
    names: set[bytes] = set()
    for tensor in tensors:
        if tensor.name in names:
            raise GgufError(cursor.offset, f"tensor {tensor.name!r} is there twice")
        names.add(tensor.name)
    return tensors


def _tensor(cursor: Cursor) -> Tensor:
    offset = cursor.offset
    name = cursor.string(at_most=MAX_NAME_BYTES)
    dimensions = cursor.u32()
    if dimensions > MAX_DIMENSIONS:
        raise GgufError(offset, f"tensor {name!r} has {dimensions} dimensions; at most 4")
    shape = [cursor.u64() for _ in range(dimensions)]
    kind = cursor.u32()
    if (layout := GGML_TYPES.get(kind)) is None:
        raise GgufError(offset, f"tensor {name!r} has the unknown ggml type {kind}")
    type_name, block, block_bytes = layout
    elements = _element_count(shape, name, offset)
    if (shape[0] if shape else 1) % block:
        raise GgufError(
            offset, f"tensor {name!r} has rows of {shape[:1]} elements; {type_name} needs {block}s"
        )
    size_bytes = elements // block * block_bytes
    return Tensor(name, type_name, elements, size_bytes, cursor.u64(), tuple(shape))


def _element_count(shape: list[int], name: bytes, offset: int) -> int:
    elements = 1
    for size in shape:
        elements *= max(size, 1)
        if size > _INT64_MAX or elements > _INT64_MAX:
            raise GgufError(offset, f"tensor {name!r} has the impossible shape {shape}")
    return 0 if 0 in shape else elements


def _check_extents(
    tensors: list[Tensor], *, data_offset: int, alignment: int, size_bytes: int
) -> None:
    """Tensors follow each other without gaps, as llama.cpp demands, and end inside the file."""
    expected = 0
    for tensor in tensors:
        if tensor.offset != expected:
            raise GgufError(
                data_offset + expected,
                f"tensor {tensor.name!r} is at {tensor.offset} of the data; {expected} expected",
            )
        end = data_offset + tensor.offset + tensor.size_bytes
        if end > size_bytes:
            raise GgufError(
                size_bytes, f"tensor {tensor.name!r} ends at byte {end}, after the file's end"
            )
        expected = _padded(tensor.offset + tensor.size_bytes, alignment)


def _elements(tensors: list[Tensor]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tensor in tensors:
        counts[tensor.type_name] = counts.get(tensor.type_name, 0) + tensor.elements
    return counts


def _padded(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) // alignment * alignment
