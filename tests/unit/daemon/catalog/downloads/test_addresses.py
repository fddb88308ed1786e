"""Addresses of the hub's pages are understood; addresses elsewhere are not fetched."""

import pytest

from velocity_local.core.errors import InvalidRequest
from velocity_local.daemon.catalog.downloads.reference import Reference, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://huggingface.co/o/r", Reference("o/r")),
        ("https://huggingface.co/o/r/", Reference("o/r")),
        ("https://hf.co/o/r", Reference("o/r")),
        ("hf.co/o/r:Q4_K_M", Reference("o/r", "Q4_K_M")),
        ("https://huggingface.co/o/r/tree/main", Reference("o/r")),
        ("https://huggingface.co/o/r/blob/main/a/m.gguf", Reference("o/r", None, "a/m.gguf")),
        (
            "https://huggingface.co/o/r/resolve/main/m.gguf?download=true",
            Reference("o/r", None, "m.gguf"),
        ),
    ],
)
def test_the_address_of_a_page_is_a_reference(text: str, expected: Reference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/m.gguf",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://huggingface.co.example.com/o/r",
        "https://huggingface.co/o/r/resolve/0123456789abcdef/m.gguf",
        "https://huggingface.co/o/r/blob/main/../../m.gguf",
        "https://huggingface.co/o",
        "https://huggingface.co/",
        "ftp://huggingface.co/o/r",
    ],
)
def test_an_address_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(text)
