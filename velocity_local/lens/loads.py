"""The loads that a scenario can ask for, one value for each kind."""

from typing import Annotated

import msgspec

from velocity_local.lens.results import Fact, Load, LoadKind

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class _Kind(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """`requests` ends a load after so many, `duration_s` after that time, whichever is first."""

    requests: Count | None = None
    duration_s: Positive | None = None


class Iterations(_Kind, frozen=True, kw_only=True, tag="iterations"):
    """One request after another."""


class Concurrency(_Kind, frozen=True, kw_only=True, tag="concurrency"):
    """So many requests at any time: a new one begins as one ends."""

    streams: Count


class _Open(_Kind, frozen=True, kw_only=True):
    """Requests begin when the schedule says so, whatever became of those before them.

    At most `max_in_flight` run at once; the wait for that counts as latency.
    """

    max_in_flight: Count = 512


class Constant(_Open, frozen=True, kw_only=True, tag="constant"):
    """Equal gaps."""

    rate_per_s: Positive


class Poisson(_Open, frozen=True, kw_only=True, tag="poisson"):
    """Gaps as of independent users: exponentially distributed."""

    rate_per_s: Positive


class Burst(_Open, frozen=True, kw_only=True, tag="burst"):
    """`size` requests at once, every `every_s` seconds."""

    size: Count
    every_s: Positive


class Ramp(_Open, frozen=True, kw_only=True, tag="ramp"):
    """The rate goes from one to another over `duration_s`, then the load ends."""

    from_per_s: Annotated[float, msgspec.Meta(ge=0)]
    to_per_s: Positive


class Step(_Open, frozen=True, kw_only=True, tag="step"):
    """Each of the rates for `step_s` seconds."""

    rates_per_s: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)]
    step_s: Positive


class Replay(_Open, frozen=True, kw_only=True, tag="replay"):
    """The recorded starts of a trace; `speed` 2 is twice as fast."""

    speed: Positive = 1.0


ClosedLoad = Iterations | Concurrency
OpenLoad = Constant | Poisson | Burst | Ramp | Step | Replay
AnyLoad = ClosedLoad | OpenLoad
DEFAULT_REQUESTS = 20


def streams_of(load: ClosedLoad) -> int:
    return load.streams if isinstance(load, Concurrency) else 1


def most_at_once(load: AnyLoad) -> int:
    """How many requests may run at the same time."""
    if isinstance(load, ClosedLoad):
        return streams_of(load)
    return min(load.max_in_flight, load.requests or load.max_in_flight)


def described(load: AnyLoad, *, warmup_requests: int, seed: int) -> Load:
    """The load as a result tells it."""
    fields = msgspec.to_builtins(load)
    known = {"kind", "requests", "duration_s", "streams", "rate_per_s"}
    detail: dict[str, Fact] = {
        name: value if isinstance(value, str | int | float) else str(value)
        for name, value in fields.items()
        if name not in known and value is not None
    }
    return Load(
        kind=LoadKind(fields["kind"]),
        concurrency=streams_of(load) if isinstance(load, ClosedLoad) else None,
        rate_per_s=fields.get("rate_per_s"),
        n_requests=load.requests,
        duration_s=load.duration_s,
        warmup_requests=warmup_requests,
        seed=seed,
        detail=detail,
    )
