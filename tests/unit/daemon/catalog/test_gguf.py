"""The header reader: sound files are read, and nothing but `GgufError` comes of the others."""

import contextlib
import io
import random
import struct
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.gguf import LLAMA, Tensor, gguf, key_value, string, typed
from tests.unit.daemon.catalog.damage import mutate
from velocity_local.daemon.catalog.cursor import CHUNK_BYTES, GgufError
from velocity_local.daemon.catalog.facts import ModelFacts, read_facts
from velocity_local.daemon.catalog.ggml_types import GGML_TYPES
from velocity_local.daemon.catalog.gguf import (
    MAX_STRINGS,
    MAX_VOCABULARY,
    TOKENS_KEY,
    Header,
    read_header,
)


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data), len(data))


def facts(data: bytes) -> ModelFacts:
    return read_facts(read(data))


def raw(*, tensors: int = 0, keys: int = 0, body: bytes = b"", version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + body


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("alignment", [8, 32, 4096])
def test_a_sound_file_is_read(version: int, alignment: int) -> None:
    values = LLAMA | {"general.alignment": alignment}
    header = read(gguf(values, version=version, alignment=alignment))
    assert header.tensor_count == 3
    assert header.parameters == 64 * 4 + 64 * 64 + 64
    assert header.types == {"F16": 256, "Q4_0": 4096, "F32": 64}
    assert header.data_offset % alignment == 0


def test_empty_tokens_may_be_many() -> None:
    assert read(gguf(LLAMA | {"tokenizer.ggml.tokens": ["", "a", ""]})).tensor_count == 3


def test_facts_of_a_generating_model() -> None:
    assert facts(gguf()) == ModelFacts(
        architecture="llama",
        name="Tiny",
        quantization="F16",
        parameters=64 * 4 + 64 * 64 + 64,
        context_length=128,
        licence="mit",
        has_chat_template=True,
        is_embedding=False,
        kv_bytes_per_token=2 * 2 * (16 + 16) * 2,
        split_count=0,
        is_model=True,
    )


@pytest.mark.parametrize("kind", sorted(GGML_TYPES))
def test_every_tensor_type_has_its_size(kind: int) -> None:
    _, block, block_bytes = GGML_TYPES[kind]
    data = gguf(LLAMA, [Tensor("t", (block, 3), kind)])
    assert read(data).parameters == 3 * block
    with pytest.raises(GgufError, match="after the file's end"):
        read(data[: read(data).data_offset + 3 * block_bytes - 1])


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"llama.pooling_type": 1}, True),
        ({"llama.pooling_type": 0}, False),
        ({"llama.pooling_type": 4}, False),
        ({"llama.attention.causal": False}, True),
    ],
)
def test_an_embedding_model_is_known_by_pooling_or_by_attention(
    extra: dict[str, int], expected: bool
) -> None:
    assert facts(gguf(LLAMA | extra)).is_embedding is expected


def test_heads_may_differ_by_layer() -> None:
    values = LLAMA | {"llama.attention.head_count_kv": [2, 0]}
    assert facts(gguf(values)).kv_bytes_per_token == 2 * (16 + 16) * 2


def test_quantization_falls_back_to_the_type_that_holds_most() -> None:
    values = {key: value for key, value in LLAMA.items() if key != "general.file_type"}
    assert facts(gguf(values)).quantization == "Q4_0"


def test_a_projector_is_no_model() -> None:
    assert not facts(gguf(LLAMA | {"general.type": "mmproj"})).is_model


def test_names_from_the_file_are_safe_to_print() -> None:
    hostile = "\x1b]52;c;aGk=\x07\u202e" + "x" * 500
    name = facts(gguf(LLAMA | {"general.name": hostile})).name
    assert name.isprintable()
    assert len(name) <= 200


def test_large_vocabularies_are_skipped_across_windows() -> None:
    tokens = [f"token{number:06d}" * 4 for number in range(60_000)]
    data = gguf(LLAMA | {"tokenizer.ggml.tokens": tokens, "after": 7})
    assert len(data) > CHUNK_BYTES
    header = read(data)
    assert header.values["after"] == 7
    assert "tokenizer.ggml.tokens" not in header.values


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "ends here"),
    "magic": (gguf(magic=b"GGML"), "not a GGUF file"),
    "version 0": (raw(version=0), "version 0"),
    "version 1": (raw(version=1), "version 1"),
    "version 4": (raw(version=4), "version 4"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "version"),
    "endless tensors": (raw(tensors=2**63), "tensors; at most"),
    "endless keys": (raw(keys=2**64 - 1), "keys; at most"),
    "keys beyond the file": (raw(keys=1000), "do not fit"),
    "tensors beyond the file": (raw(tensors=1000), "do not fit"),
    "endless key": (raw(keys=1, body=struct.pack("<Q", 2**64 - 1) + bytes(32)), "string of"),
    "empty key": (raw(keys=1, body=typed("", 4, 1)), "empty"),
    "key that is not text": (raw(keys=1, body=string(b"\xff") + bytes(32)), "UTF-8"),
    "key twice": (raw(keys=2, body=typed("a", 4, 1) * 2), "duplicate"),
    "unknown type": (raw(keys=1, body=string(b"a") + struct.pack("<IQ", 13, 0)), "unknown type"),
    "endless text": (
        raw(keys=1, body=string(b"a") + struct.pack("<IQ", 8, 2**40) + bytes(9)),
        "string of",
    ),
    "endless array": (
        raw(keys=1, body=string(b"a") + struct.pack("<IIQ", 9, 4, 2**62) + bytes(9)),
        "elements; at most",
    ),
    "array beyond the file": (
        raw(keys=1, body=string(b"a") + struct.pack("<IIQ", 9, 4, 2_000_000) + bytes(9)),
        "announced",
    ),
    "strings beyond the file": (
        raw(keys=1, body=string(b"a") + struct.pack("<IIQ", 9, 8, 1_000_000) + bytes(9)),
        "do not fit",
    ),
    "endless strings": (
        raw(keys=1, body=string(b"a") + struct.pack("<IIQ", 9, 8, 2_000_000) + bytes(9)),
        "strings in all; at most",
    ),
    "array of arrays": (
        raw(keys=1, body=string(b"a") + struct.pack("<IIQ", 9, 9, 1) + bytes(32)),
        "unknown element type",
    ),
    "token twice": (gguf(LLAMA | {"tokenizer.ggml.tokens": ["a", "b", "a"]}), "b'a' is in the"),
    "alignment 0": (gguf(LLAMA | {"general.alignment": 0}), "power of two"),
    "alignment 3": (gguf(LLAMA | {"general.alignment": 3}), "power of two"),
    "alignment as text": (gguf(LLAMA | {"general.alignment": "32"}), "power of two"),
    "alignment huge": (gguf(LLAMA | {"general.alignment": 2**31}), "power of two"),
    "long tensor name": (gguf(LLAMA, [Tensor("n" * 64, (1,))]), "string of"),
    "tensor twice": (gguf(LLAMA, [Tensor("n", (1,)), Tensor("n", (1,))]), "twice"),
    "five dimensions": (gguf(LLAMA, [Tensor("n", (1, 1, 1, 1, 1))]), "dimensions"),
    "offset overlaps": (gguf(LLAMA, [Tensor("a", (8,)), Tensor("b", (8,), 0, 0)]), "expected"),
    "offset beyond": (gguf(LLAMA, [Tensor("a", (8,), 0, 2**63)]), "expected"),
    "ragged rows": (gguf(LLAMA, [Tensor("a", (33,), 2)]), "needs 32s"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_the_reason(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(GgufError, match=reason) as caught:
        read(data)
    assert 0 <= caught.value.offset <= max(len(data), 2**32)


@pytest.mark.parametrize(
    "shape", [(2**63, 1), (2**62, 4), (2**40, 2**40), (2**32, 2**32, 2**32, 2**32), (0, 2**63)]
)
def test_shapes_that_overflow_are_refused(shape: tuple[int, ...]) -> None:
    info = string(b"t") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    with pytest.raises(GgufError, match="impossible shape"):
        read(raw(tensors=1, body=info))


@pytest.mark.parametrize("kind", [4, 5, 31, 36, 43, 2**31, 2**32 - 1])
def test_unknown_tensor_types_are_refused(kind: int) -> None:
    info = string(b"t") + struct.pack("<IQIQ", 1, 32, kind, 0)
    with pytest.raises(GgufError, match="unknown ggml type"):
        read(raw(tensors=1, body=info + bytes(256)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "architecture is missing"),
        (LLAMA | {"general.architecture": 3}, "a text expected"),
        (LLAMA | {"llama.block_count": "2"}, "a number from 0"),
        (LLAMA | {"llama.block_count": 4_000_000_000}, "a number from 0"),
        (LLAMA | {"llama.context_length": 1.5}, "a number from 0"),
        (LLAMA | {"llama.attention.head_count": "x"}, "whole numbers"),
    ],
)
def test_values_that_the_loader_needs_are_checked(values: dict[str, int], reason: str) -> None:
    with pytest.raises(GgufError, match=reason):
        facts(gguf(values))


def test_a_file_without_tensors_is_no_model() -> None:
    with pytest.raises(GgufError, match="no tensors"):
        facts(gguf(LLAMA, []))


def test_a_file_cut_anywhere_is_refused() -> None:
    data = gguf()
    for length in range(len(data)):
        with pytest.raises(GgufError):
            read(data[:length])


def test_a_file_that_cannot_be_read_is_refused() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(GgufError, match="Input/output error"):
        read_header(Failing(), 1000)


def test_mutated_files_give_a_header_or_the_one_error() -> None:
    random_ = random.Random(20)
    sound = gguf()
    head = read(sound).data_offset
    refused = 0
    for _ in range(3000):
        data = mutate(random_, sound[:head]) + sound[head:]
        try:
            facts(data)
        except GgufError:
            refused += 1
    assert refused > 2000


@given(st.binary(max_size=200))
@settings(derandomize=True, max_examples=200)
def test_any_bytes_after_the_magic_give_a_header_or_the_one_error(tail: bytes) -> None:
    for data in (tail, b"GGUF" + tail, b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + tail):
        with contextlib.suppress(GgufError):
            facts(data)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.one_of(
            st.booleans(),
            st.integers(0, 2**32 - 1),
            st.text(max_size=30),
            st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9),
            st.lists(st.text(max_size=5), min_size=1, max_size=9),
        ),
        max_size=8,
    )
)
@settings(derandomize=True, max_examples=100)
def test_values_come_back_as_written(values: dict[str, int | str | list[int] | list[str]]) -> None:
    plain = {key: value for key, value in values.items() if not key.startswith("general.")}
    header = read(gguf(plain))
    for key, value in plain.items():
        if isinstance(value, list):
            is_text = isinstance(value[0], str)
            assert header.values.get(key) == (None if is_text else tuple(value))
        else:
            assert header.values[key] == value


def test_a_key_after_a_long_array_is_read() -> None:
    body = key_value("long", [1.0] * 5000) + key_value("short", [1, 2]) + typed("n", 10, 2**40)
    header = read(raw(keys=3, body=body))
    assert header.values == {"short": (1, 2), "n": 2**40}


def _strings(key: str, texts: bytes, count: int) -> bytes:
    return raw(keys=1, body=string(key.encode()) + struct.pack("<IIQ", 9, 8, count) + texts)


@pytest.mark.parametrize(
    "data",
    [
        _strings("a", bytes(8 * MAX_STRINGS), MAX_STRINGS),
        _strings(
            TOKENS_KEY,
            b"".join(struct.pack("<QI", 4, number) for number in range(MAX_VOCABULARY)),
            MAX_VOCABULARY,
        ),
        _strings("a", (struct.pack("<Q", 200) + bytes(200)) * 200_000, 200_000),
    ],
    ids=["empty strings", "tokens", "long strings"],
)
def test_the_largest_arrays_cost_little_time_and_memory(data: bytes) -> None:
    tracemalloc.start()
    read(data)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 64 * 1024 * 1024
    began_s = time.process_time()
    read(data)
    assert time.process_time() - began_s < 1.0, "far above what it takes, also on a busy machine"
