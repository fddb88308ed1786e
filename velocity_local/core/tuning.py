"""What is measured to find how a model runs best on a machine, and what came of it."""

from typing import Literal

import msgspec

from velocity_local.core.models import LoadOptions

TuneKey = Literal["n_threads", "n_batch", "flash_attention", "kv_type", "speculation"]
TuneState = Literal["running", "done", "failed", "cancelled"]
Value = int | str | bool | None

DEFAULT_BUDGET_S = 180.0
QUALITY_KEYS: tuple[TuneKey, ...] = ("kv_type",)
"""What also changes answers; measured only if somebody agrees."""
SPEED_KEYS: tuple[TuneKey, ...] = ("n_threads", "n_batch", "flash_attention", "speculation")


class Figures(msgspec.Struct, frozen=True):
    """Speed of one way to load a model: medians, in milliseconds.

    `prefill_ms` is for a prompt of `n_prompt` tokens, the others for one step at that depth: of
    one stream, and of `n_streams` together.
    """

    n_prompt: int
    n_streams: int
    prefill_ms: float
    decode_ms: float
    streams_ms: float


class TuneStep(msgspec.Struct, frozen=True):
    """One value tried, beside the best one known then.

    `cost` is the time it needed as a share of that one's, 0.8 being a fifth less; `is_better` only
    if that is more than noise, else `objection` says what speaks against it. `figures` are None
    where the engine refused the value, and `problem` says why.
    """

    key: TuneKey
    value: Value
    against: Value
    cost: float | None
    rounds: int
    is_better: bool
    figures: Figures | None = None
    problem: str | None = None
    objection: str | None = None


class TunedValues(msgspec.Struct, frozen=True, omit_defaults=True):
    """Options of `LoadOptions` that were found better than what is used without them.

    `pass_ms` is no choice: what passes of so many rows take, with which guessing begins.
    """

    n_threads: int | None = None
    n_batch: int | None = None
    flash_attention: bool | None = None
    kv_type: Literal["f16", "q8_0", "f32"] | None = None
    pass_ms: tuple[tuple[int, float], ...] = ()

    def given(self) -> dict[str, Value]:
        """The options by name; those that are None stay as they are."""
        return {
            name: value
            for name in self.__struct_fields__
            if name != "pass_ms" and (value := getattr(self, name)) is not None
        }


class TunePlan(msgspec.Struct, frozen=True):
    """What to measure: each of `keys` on top of `options`, for about `budget_s` in all."""

    options: LoadOptions
    keys: tuple[TuneKey, ...]
    budget_s: float = DEFAULT_BUDGET_S


class TuneResult(msgspec.Struct, frozen=True):
    """What was found. `cost` is that of the found values against none of them, measured again.

    `unmeasured` keys had no time left.
    """

    values: TunedValues
    steps: tuple[TuneStep, ...]
    cost: float
    seconds: float
    unmeasured: tuple[TuneKey, ...] = ()


class TuneStatus(msgspec.Struct, frozen=True):
    """A measurement under way: what is tried now, and the share of the time that is over."""

    doing: str
    share: float
    steps: tuple[TuneStep, ...] = ()
