"""Text to tokens and back, for every vocabulary, whatever the text."""

import pytest

from tests.contract.backends.conftest import Open, with_mlx
from velocity_local.core.errors import InvalidRequest
from velocity_local.worker.engine.backend import Tokenizer

NAMES = with_mlx(("fake", "llama", "demo"), "mlx-llama", "mlx-demo")
TEXTS = (
    "",
    "hello",
    " leading and trailing ",
    "naïve café, 東京, 🦙🏽",
    "tabs\tand\nnew lines\r\n\n",
    "a zero \0 inside",
    "x" * 5000,
)


def text_of(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return b"".join(map(tokenizer.piece, tokens)).decode()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_as_it_was(name: str, text: str, open_backend: Open) -> None:
    tokenizer = open_backend(name).tokenizer
    tokens = tokenizer.encode(text, add_special=False, parse_special=False)
    # A sentencepiece vocabulary puts a space before the first word.
    assert text_of(tokenizer, tokens) in {text, f" {text}"}
    assert all(0 <= token < tokenizer.n_vocab for token in tokens)


@pytest.mark.parametrize("name", NAMES)
def test_half_a_surrogate_pair_does_no_harm(name: str, open_backend: Open) -> None:
    tokenizer = open_backend(name).tokenizer
    assert tokenizer.encode("a \ud83e b", add_special=False, parse_special=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_control_token_is_one_token_if_parsed_and_plain_text_if_not(
    name: str, open_backend: Open
) -> None:
    tokenizer = open_backend(name).tokenizer
    eos = tokenizer.special_tokens["eos_token"]
    (token,) = tokenizer.encode(eos, add_special=False, parse_special=True)
    assert tokenizer.is_end(token)
    assert tokenizer.piece(token) == b""
    assert tokenizer.piece_special(token).decode() == eos
    plain = tokenizer.encode(eos, add_special=False, parse_special=False)
    assert len(plain) > 1
    assert text_of(tokenizer, plain).strip() == eos


@pytest.mark.parametrize("name", with_mlx(("fake", "llama"), "mlx-llama"))
def test_adding_special_tokens_begins_with_bos(name: str, open_backend: Open) -> None:
    tokenizer = open_backend(name).tokenizer
    tokens = tokenizer.encode("hi", add_special=True, parse_special=False)
    assert tokenizer.piece_special(tokens[0]).decode() == tokenizer.special_tokens["bos_token"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("token", [-1, 10**9])
def test_a_token_outside_the_vocabulary_is_refused(
    name: str, token: int, open_backend: Open
) -> None:
    tokenizer = open_backend(name).tokenizer
    with pytest.raises(InvalidRequest, match="outside the vocabulary"):
        tokenizer.piece(token)
    with pytest.raises(InvalidRequest, match="outside the vocabulary"):
        tokenizer.piece_special(token)


@pytest.mark.parametrize("name", with_mlx(("demo",), "mlx-demo"))
def test_the_demo_model_brings_its_template(name: str, open_backend: Open) -> None:
    template = open_backend(name).tokenizer.chat_template
    assert template is not None
    assert "<|im_start|>" in template


@pytest.mark.parametrize("name", NAMES)
def test_control_tokens_are_those_that_parsing_makes(name: str, open_backend: Open) -> None:
    tokenizer = open_backend(name).tokenizer
    texts = tokenizer.control_tokens
    assert tokenizer.special_tokens["eos_token"] in texts
    for text in texts:
        parsed = tokenizer.encode(text, add_special=False, parse_special=True)
        plain = tokenizer.encode(text, add_special=False, parse_special=False)
        assert len(parsed) == 1
        assert parsed[0] not in plain
