"""What requests cost."""

from datetime import date
from pathlib import Path

import pytest

from velocity_local.config.paths import data_root
from velocity_local.lens.cost import FILE_NAME, Price, cost_of, monthly, price_of, read_tables
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.results import CountSource, Tokens


def price(model: str, *, provider: str = "openai", cached: float | None = None) -> Price:
    return Price(
        provider=provider,
        model=model,
        input=2,
        output=10,
        cached=cached,
        currency="USD",
        dated="2026-01-01",
    )


def tokens(prompt: int | None, output: int | None, cached: int | None = None) -> Tokens:
    return Tokens(source=CountSource.SERVER, prompt=prompt, output=output, cached=cached)


def test_the_longest_name_wins() -> None:
    prices = (price("gpt-4o"), price("gpt-4o-mini"), price("gpt", provider="other"))
    found = price_of(prices, "openai_responses", "gpt-4o-mini-2024-07-18")
    assert found is prices[1]
    assert price_of(prices, "openai", "o3") is None


@pytest.mark.parametrize(
    ("counted", "cached_price", "cost"),
    [
        (tokens(1_000_000, 0), None, 2.0),
        (tokens(0, 1_000_000), None, 10.0),
        (tokens(1_000_000, 0, 500_000), 1.0, 1.5),
        (tokens(1_000_000, 0, 500_000), None, 2.0),
        (tokens(None, 5), None, None),
        (None, None, None),
    ],
)
def test_cost(counted: Tokens | None, cached_price: float | None, cost: float | None) -> None:
    assert cost_of(counted, price("m", cached=cached_price)) == pytest.approx(cost)


def test_a_month_at_the_same_rate() -> None:
    assert monthly(1.0, 3600) == pytest.approx(720)


def test_the_table_that_ships_is_dated_and_unique() -> None:
    prices = read_tables([data_root() / FILE_NAME]).price
    names = [(each.provider, each.model) for each in prices]
    assert len(names) == len(set(names)) > 0
    assert all(date.fromisoformat(each.dated) <= date(2026, 11, 21) for each in prices)


@pytest.mark.parametrize(
    ("provider", "model", "input_price"),
    [
        ("anthropic", "claude-opus-5-5", 4.0),
        ("anthropic", "claude-opus-5", 5.0),
        ("anthropic", "claude-opus-4-8", 5.0),
        ("anthropic", "claude-opus-4-1-20250805", 15.0),
        ("anthropic", "claude-opus-4-20250514", 15.0),
        ("openai", "gpt-5.4-mini-2026-03-17", 0.75),
        ("openai", "gpt-5.4-pro", 30.0),
        ("cohere", "command-r-plus-08-2024", None),
    ],
)
def test_names_that_begin_alike_have_their_own_price(
    provider: str, model: str, input_price: float | None
) -> None:
    found = price_of(read_tables([data_root() / FILE_NAME]).price, provider, model)
    assert (found.input if found else None) == input_price


def test_the_users_own_table_goes_first(tmp_path: Path) -> None:
    own = tmp_path / FILE_NAME
    own.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\ninput = 1\noutput = 1\n'
        'currency = "EUR"\ndated = "2026-02-02"\n'
    )
    prices = read_tables([own, tmp_path / "none.toml", data_root() / FILE_NAME]).price
    found = price_of(prices, "openai", "gpt-4o-2024")
    assert found is not None
    assert found.currency == "EUR"


@pytest.mark.parametrize("text", ["[[price]]\nmodel = 1\n", "x", '[[price]]\nfoo = "x"\n'])
def test_a_broken_table_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text)
    with pytest.raises(BadScenario, match=FILE_NAME):
        read_tables([path])
