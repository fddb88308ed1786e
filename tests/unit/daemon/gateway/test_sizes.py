import pytest

from velocity_local.core.messages import Message
from velocity_local.core.requests import ChatPrompt, TextPrompt, TokenPrompt
from velocity_local.daemon.gateway.sizes import Size, Sizes


def test_token_ids_are_counted_and_text_is_estimated() -> None:
    sizes = Sizes()
    assert sizes.of("m", TokenPrompt((1, 2, 3))) == Size(3)
    assert 95 <= sizes.of("m", TextPrompt("word " * 80)).n_tokens <= 110
    both = sizes.of("m", TokenPrompt((1, 2, 3)), TextPrompt("word " * 80))
    assert both.n_tokens == 3 + sizes.of("m", TextPrompt("word " * 80)).n_tokens


def test_all_of_a_conversation_counts() -> None:
    short = ChatPrompt((Message("user", "hi"),))
    long = ChatPrompt((Message("system", "x" * 4000), Message("user", "hi")))
    sizes = Sizes()
    assert sizes.of("m", long).n_tokens - sizes.of("m", short).n_tokens >= 1000


def test_counts_of_a_model_are_learned_for_that_model() -> None:
    sizes = Sizes()
    prompt = TextPrompt("語" * 1000)
    for _ in range(30):
        sizes.learn("m", sizes.of("m", prompt), 1500)
    assert sizes.of("m", prompt).n_tokens == pytest.approx(1500, rel=0.01)
    assert sizes.of("other", prompt).n_tokens == pytest.approx(750, rel=0.05)


def test_one_odd_count_does_not_spoil_the_estimate() -> None:
    sizes = Sizes()
    sizes.learn("m", Size(1, n_bytes=1), 10**9)
    assert sizes.of("m", TextPrompt("x" * 1000)).n_tokens <= 700


def test_counted_tokens_teach_nothing() -> None:
    sizes = Sizes()
    sizes.learn("m", Size(100), 5)
    assert sizes.of("m", TextPrompt("x" * 1000)) == Sizes().of("m", TextPrompt("x" * 1000))
