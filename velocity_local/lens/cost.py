"""What requests cost by a dated table of prices. Local energy has no price here: it is not told."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from velocity_local.lens.errors import BadScenario
from velocity_local.lens.results import Tokens

FILE_NAME = "prices.toml"
_TOKENS_PER_UNIT = 1_000_000
_SECONDS_PER_MONTH = 30 * 24 * 3600
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_FAMILIES = {"openai_responses": "openai"}


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a million tokens. `cached` None: cached tokens cost as much as others. `batch` is the
    share of the price that a provider's batch API asks.
    """

    provider: str
    model: str
    input: _NotNegative
    output: _NotNegative
    cached: _NotNegative | None = None
    batch: _NotNegative | None = None
    currency: str
    dated: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: tuple[Price, ...] = ()


def read_prices(paths: Iterable[Path]) -> tuple[Price, ...]:
    """The prices of every file that is there; those of earlier files go first.

    Raises:
        BadScenario: if a file is broken.
    """
    found: list[Price] = []
    for path in paths:
        try:
            tree = tomllib.loads(path.read_bytes().decode())
            found += msgspec.convert(tree, _File).price
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadScenario(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, msgspec.ValidationError) as error:
            raise BadScenario(f"{path}: {error}") from error
    return tuple(found)


def price_of(prices: Sequence[Price], provider: str, model: str) -> Price | None:
    """The price with the longest name that the model's begins with; of equals the first."""
    family = _FAMILIES.get(provider, provider)
    fitting = [each for each in prices if each.provider == family and model.startswith(each.model)]
    return max(fitting, key=lambda each: len(each.model), default=None)


def cost_of(tokens: Tokens | None, price: Price) -> float | None:
    """In the price's currency; None if the tokens are not known."""
    if tokens is None or tokens.prompt is None or tokens.output is None:
        return None
    cached = tokens.cached or 0
    cached_price = price.input if price.cached is None else price.cached
    spent = (tokens.prompt - cached) * price.input + cached * cached_price
    return (spent + tokens.output * price.output) / _TOKENS_PER_UNIT


def monthly(cost: float, duration_s: float) -> float:
    """What 30 days at the same rate cost."""
    return cost / duration_s * _SECONDS_PER_MONTH
