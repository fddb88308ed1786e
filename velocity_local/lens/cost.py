"""What requests cost: by a dated table of prices, or by energy and a tariff."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from velocity_local.lens.errors import BadScenario
from velocity_local.lens.results import Tokens

FILE_NAME = "prices.toml"
_TOKENS_PER_UNIT = 1_000_000
_JOULES_PER_KWH = 3_600_000
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


class Electricity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kilowatt hour costs where the machine stands."""

    per_kwh: _NotNegative
    currency: str
    dated: str

    def cost(self, joules: float) -> float:
        return joules / _JOULES_PER_KWH * self.per_kwh


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of prices, or several as one."""

    price: tuple[Price, ...] = ()
    electricity: Electricity | None = None


def read_tables(paths: Iterable[Path]) -> Tables:
    """The prices of every file that is there; those of earlier files go first.

    Raises:
        BadScenario: if a file is broken.
    """
    found = Tables()
    for path in paths:
        try:
            tree = tomllib.loads(path.read_bytes().decode())
            more = msgspec.convert(tree, Tables)
            found = Tables(found.price + more.price, found.electricity or more.electricity)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadScenario(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, msgspec.ValidationError) as error:
            raise BadScenario(f"{path}: {error}") from error
    return found


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


def batch_cost(cost: float | None, price: Price | None) -> float | None:
    """What the provider's batch API asks for what cost so much; None if it has none."""
    if cost is None or price is None or price.batch is None:
        return None
    return cost * price.batch


def monthly(cost: float, duration_s: float) -> float:
    """What 30 days at the same rate cost."""
    return cost / duration_s * _SECONDS_PER_MONTH
