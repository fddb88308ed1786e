"""Runs of strings: read and skipped as if one by one, whatever their lengths and the windows."""

import io
import random
import struct

import pytest

from velocity_local.daemon.catalog import cursor as cursor_module
from velocity_local.daemon.catalog.cursor import Cursor, GgufError


def strings(random_: random.Random, count: int) -> list[bytes]:
    """Mostly short ones, as in a vocabulary; some empty, some longer than a run takes."""
    lengths = [0, 1, 5, 9, 126, 127, 128, 129, 300]
    return [random_.randbytes(random_.choices(lengths, [1, 90, 90, 90, 1, 1, 1, 1, 1])[0])
            for _ in range(count)]  # fmt: skip


def packed(texts: list[bytes]) -> bytes:
    return b"".join(struct.pack("<Q", len(text)) + text for text in texts)


@pytest.mark.parametrize("chunk_bytes", [16, 1000, 1024 * 1024])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 3000])
def test_strings_are_read_and_skipped_as_if_one_by_one(
    monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, count: int
) -> None:
    monkeypatch.setattr(cursor_module, "CHUNK_BYTES", chunk_bytes)
    texts = strings(random.Random(count), count)
    data = packed(texts) * 2 + b"after"
    cursor = Cursor(io.BytesIO(data), len(data))
    assert cursor.strings(count) == [packed([text]) for text in texts]
    cursor.skip_strings(count)
    assert cursor.take(5) == b"after"


@pytest.mark.parametrize("count", [300, 3000])
def test_a_run_cut_anywhere_is_refused(count: int) -> None:
    data = packed(strings(random.Random(1), count))
    for end in (0, 7, len(data) // 2, len(data) - 1):
        for act in (Cursor.strings, Cursor.skip_strings):
            with pytest.raises(GgufError):
                act(Cursor(io.BytesIO(data[:end]), end), count)


def test_a_length_with_high_bytes_is_no_short_string() -> None:
    data = struct.pack("<Q", 2**56 + 1) + packed([b"a"] * 500)
    for act in (Cursor.strings, Cursor.skip_strings):
        with pytest.raises(GgufError, match="string of"):
            act(Cursor(io.BytesIO(data), len(data)), 400)
