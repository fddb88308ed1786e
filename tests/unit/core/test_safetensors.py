"""The safetensors reader: sound files are read, nothing but `SafetensorsError` comes of others."""

import io
import json
import random
import time
import tracemalloc

import pytest

from tests.support.safetensors import TENSORS, packed, safetensors, tensor
from tests.unit.daemon.catalog.damage import mutate
from velocity_local.core.safetensors import (
    MAX_HEADER_BYTES,
    MAX_TENSORS,
    SafetensorsError,
    SafetensorsHeader,
    read_header,
)


def read(data: bytes) -> SafetensorsHeader:
    return read_header(io.BytesIO(data), len(data))


def test_a_sound_file_is_read() -> None:
    header = read(safetensors())
    assert (header.tensor_count, header.metadata) == (3, {"format": "mlx"})
    assert header.types == {"U32": 32, "BF16": 8, "F16": 8}


def test_blanks_after_the_header_and_empty_tensors_are_sound() -> None:
    values = {"a": tensor(0, 0, [0, 4]), "b": tensor(0, 2, [2]), "c": tensor(2, 2, [0])}
    assert read(packed(json.dumps(values).encode() + b"   ", data_bytes=2)).tensor_count == 3


def test_four_bit_elements_fill_half_bytes() -> None:
    assert read(safetensors({"a": tensor(0, 4, [8], "F4")}, data_bytes=4)).types == {"F4": 8}


def one(**changes: object) -> bytes:
    return safetensors({"t": tensor(0, 4, [4]) | changes}, data_bytes=4)


DEEP = b'{"a":' + b"[" * 200_000
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "ends here"),
    "no length": (b"\x01\x00", "ends here"),
    "endless header": (packed(b"{}", length=2**64 - 1), "at most"),
    "header beyond the file": (packed(b"{}", length=5000, data_bytes=0), "the file has"),
    "not an object": (packed(b"[]"), "expected"),
    "blank before the object": (packed(b" {}"), "expected"),
    "no JSON": (packed(b"{nothing"), "not JSON"),
    "text after the object": (packed(b"{}{}"), "not JSON"),
    "not UTF-8": (packed(b'{"\xff":1}'), "UTF-8"),
    "nested without end": (packed(DEEP), "absurd|not JSON"),
    "endless digits": (packed(b'{"a":' + b"9" * 5000 + b"}"), "absurd"),
    "no tensors": (packed(b"{}", data_bytes=0), "0 tensors"),
    "name twice": (packed(b'{"a":{},"a":{}}'), "'a' is there twice"),
    "field twice": (packed(b'{"a":{"dtype":"U8","dtype":"U8"}}'), "'dtype' is there twice"),
    "name twice, once escaped": (packed(b'{"a":{},"\\u0061":{}}'), "there twice"),
    "name of nothing": (safetensors({"": tensor(0, 4, [4])}, data_bytes=4), "is called"),
    "name that controls": (safetensors({"a\x1b": tensor(0, 4, [4])}, data_bytes=4), "is called"),
    "half a surrogate": (packed(b'{"\\ud800":{}}'), "is called"),
    "endless name": (safetensors({"a" * 600: tensor(0, 4, [4])}, data_bytes=4), "is called"),
    "tensor that is none": (safetensors({"a": 3}), "has not just"),
    "a field more": (one(extra=1), "has not just"),
    "unknown type": (one(dtype="PICKLE"), "unknown type"),
    "type that is no text": (one(dtype=["U8"]), "unknown type"),
    "shape that is no list": (one(shape="4"), "no shape"),
    "negative shape": (one(shape=[-4]), "no shape"),
    "true as a shape": (one(shape=[True, 4]), "no shape"),
    "broken shape": (packed(b'{"t":{"dtype":"U8","shape":[4.0]}}'), "at byte"),
    "NaN": (packed(b'{"t":NaN}'), "at byte"),
    "shape that overflows": (one(shape=[2**62, 2**62]), "impossible shape"),
    "seventeen dimensions": (one(shape=[1] * 17), "no shape"),
    "one offset": (one(data_offsets=[0]), "no two ascending"),
    "offsets that descend": (one(data_offsets=[4, 0]), "no two ascending"),
    "offsets beyond numbers": (one(data_offsets=[0, 2**64]), "no two ascending"),
    "fewer bytes than elements": (one(data_offsets=[0, 3]), "elements of 8 bits in 3 bytes"),
    "extent beyond the file": (safetensors({"t": tensor(0, 9, [9])}, data_bytes=4), "end at 9"),
    "bytes of no tensor": (safetensors({"t": tensor(0, 4, [4])}, data_bytes=5), "end at 4"),
    "a hole": (
        safetensors({"a": tensor(0, 2, [2]), "b": tensor(3, 4, [1])}, data_bytes=4),
        "2 expected",
    ),
    "an overlap": (
        safetensors({"a": tensor(0, 2, [2]), "b": tensor(1, 4, [3])}, data_bytes=4),
        "2 expected",
    ),
    "the same bytes twice": (
        safetensors({"a": tensor(0, 2, [2]), "b": tensor(0, 2, [2])}, data_bytes=2),
        "2 expected",
    ),
    "metadata that is no object": (safetensors(TENSORS | {"__metadata__": 1}), "__metadata__"),
    "metadata of numbers": (safetensors(TENSORS | {"__metadata__": {"a": 1}}), "__metadata__"),
    "metadata without end": (
        safetensors(TENSORS | {"__metadata__": {str(n): "" for n in range(300)}}),
        "__metadata__",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_the_reason(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(SafetensorsError, match=reason):
        read(data)


def test_a_file_cut_anywhere_is_refused() -> None:
    data = safetensors()
    for length in range(len(data)):
        with pytest.raises(SafetensorsError):
            read(data[:length])


def test_a_file_that_cannot_be_read_is_refused() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(SafetensorsError, match="Input/output error"):
        read_header(Failing(), 1000)


def test_mutated_files_give_a_header_or_the_one_error() -> None:
    random_, sound, refused = random.Random(5), safetensors(), 0
    head = read(sound).data_offset
    for _ in range(3000):
        data = mutate(random_, sound[:head]) + sound[head:]
        try:
            read(data)
        except SafetensorsError:
            refused += 1
    assert refused > 2500


def test_the_largest_header_costs_little_time_and_memory() -> None:
    values = {f"model.layers.{n:06d}.mlp.weight": tensor(n, n + 1, [1]) for n in range(MAX_TENSORS)}
    data = safetensors(values, data_bytes=MAX_TENSORS)
    assert len(data) < MAX_HEADER_BYTES
    tracemalloc.start()
    read(data)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 32 * 1024 * 1024
    began_s = time.process_time()
    read(data)
    assert time.process_time() - began_s < 0.5, "an order of magnitude above what it takes"
