"""The management API's shapes for measurements of models; `admin` tells what versions promise."""

from typing import Annotated

import msgspec
from msgspec import Meta

from velocity_local.core.tuning import (
    DEFAULT_BUDGET_S,
    TunedValues,
    TuneKey,
    TuneState,
    TuneStep,
    Value,
)
from velocity_local.wire.http.admin import VERSION


class TuneAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Measure how a model runs best. Options that change answers only with `allow_quality`."""

    model: str
    budget_s: Annotated[float, Meta(ge=1, le=7200)] = DEFAULT_BUDGET_S
    allow_quality: bool = False


class TuningItem(msgspec.Struct, frozen=True):
    """A measurement. `share` of its time is over; `steps` are the values tried so far.

    Once it is done, `values` are used whenever the model is loaded, and `cost` is the time needed
    with them as a share of the time without. `fixed` options were set by somebody and left alone,
    for `unmeasured` ones there was no time.
    """

    id: str
    model: str
    state: TuneState
    doing: str
    share: float
    steps: tuple[TuneStep, ...]
    created_s: float
    ended_s: float | None = None
    values: TunedValues | None = None
    cost: float | None = None
    fixed: tuple[TuneKey, ...] = ()
    unmeasured: tuple[TuneKey, ...] = ()
    error: str | None = None
    version: int = VERSION


class TuningList(msgspec.Struct, frozen=True):
    """Measurements since the start of the daemon, newest first."""

    items: tuple[TuningItem, ...]
    next: str | None = None
    version: int = VERSION


class OptionItem(msgspec.Struct, frozen=True):
    """An option of loading. `origin` is default, tuned, file, environment, flag or alias; a value
    of None is the engine's choice. `setting` is the name under which it can be set.
    """

    key: str
    value: Value
    origin: str
    setting: str


class OptionList(msgspec.Struct, frozen=True):
    """How a model is loaded the next time. `tuned_s` is when it was measured, if it was."""

    model: str
    items: tuple[OptionItem, ...]
    tuned_s: float | None = None
    tuned_cost: float | None = None
    next: str | None = None
    version: int = VERSION
