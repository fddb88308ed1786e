"""From a caller's name to a model."""

import pytest

from velocity_local.core.errors import InvalidModel, ModelNotFound
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog.local import BrokenModel
from velocity_local.daemon.catalog.resolve import find, resolve


def entry(identifier: str) -> ModelEntry:
    return ModelEntry(
        id=identifier, path="/m", format="gguf", size_bytes=1, fingerprint="f", created_s=0
    )


ENTRIES = tuple(
    entry(identifier)
    for identifier in ("demo", "qwen/Qwen3-0.6B", "other/Qwen3-0.6B", "Llama-3", "Case", "case")
)

NAMES = [
    ("exact", "demo", "demo"),
    ("another case", "DEMO", "demo"),
    ("with its suffix", "Llama-3.gguf", "Llama-3"),
    ("last part, unique", "llama-3", "Llama-3"),
    ("whole path in another case", "QWEN/qwen3-0.6b", "qwen/Qwen3-0.6B"),
    ("last part, of two", "Qwen3-0.6B", None),
    ("exact among cases", "case", "case"),
    ("neither of two cases", "CASE", None),
    ("nothing", "", None),
    ("no such", "gpt", None),
]


@pytest.mark.parametrize(
    ("given", "expected"), [row[1:] for row in NAMES], ids=[r[0] for r in NAMES]
)
def test_find(given: str, expected: str | None) -> None:
    found = find(given, ENTRIES)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("given", "near"),
    [("dmo", "'demo'"), ("Qwen3-0.6", "'qwen/Qwen3-0.6B'"), ("llama3", "'Llama-3'")],
)
def test_near_names_are_told(given: str, near: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        resolve(given, ENTRIES, ())
    assert near in caught.value.message
    assert (caught.value.status, caught.value.param) == (404, "model")


def test_an_endless_name_gives_a_short_message() -> None:
    with pytest.raises(ModelNotFound) as caught:
        resolve("x" * 1_000_000, ENTRIES, ())
    assert len(caught.value.message) < 400


def test_an_empty_folder_is_told() -> None:
    with pytest.raises(ModelNotFound, match="empty"):
        resolve("x", (), ())


def test_a_broken_model_is_named_with_its_reason() -> None:
    with pytest.raises(InvalidModel, match="at byte 4: version"):
        resolve("bad", ENTRIES, (BrokenModel("sub/Bad", "/p", "at byte 4: version", 4),))
