"""Under which conditions a run was made: only runs of equal conditions are set side by side."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from velocity_local.lens.results import CacheState, Fact, LoadKind, RunResult

_MEASURED = "_ms"  # a time differs between any two runs: it is no fact of the environment


class Condition(msgspec.Struct, frozen=True):
    """What was asked, from which cache state, at which load."""

    scenario: str
    workload: str
    cache_state: CacheState
    load: LoadKind
    concurrency: int | None = None
    rate_per_s: float | None = None

    @property
    def name(self) -> str:
        parts = [self.scenario, self.workload, f"cache {self.cache_state.value}", self.load.value]
        if self.concurrency is not None:
            parts.append(f"{self.concurrency} at once")
        if self.rate_per_s is not None:
            parts.append(f"{self.rate_per_s:g}/s")
        return ", ".join(part for part in parts if part)


class Difference(msgspec.Struct, frozen=True):
    """A fact that is not the same on both sides; several values if the runs of a side differ."""

    name: str
    before: tuple[Fact, ...]
    after: tuple[Fact, ...]


def condition_of(run: RunResult) -> Condition:
    load = run.load
    return Condition(
        run.scenario, run.workload, run.cache_state, load.kind, load.concurrency, load.rate_per_s
    )


def by_condition(runs: Iterable[RunResult]) -> dict[Condition, tuple[RunResult, ...]]:
    """Runs of equal conditions together, in the order given."""
    found: dict[Condition, list[RunResult]] = {}
    for run in runs:
        found.setdefault(condition_of(run), []).append(run)
    return {condition: tuple(members) for condition, members in found.items()}


def differences(before: Sequence[RunResult], after: Sequence[RunResult]) -> tuple[Difference, ...]:
    """Every fact of the environment, provider and model that is not the same on both sides."""
    facts_before = [facts(run) for run in before]
    facts_after = [facts(run) for run in after]
    names = sorted({name for known in (*facts_before, *facts_after) for name in known})
    found = []
    for name in names:
        first, second = _values(facts_before, name), _values(facts_after, name)
        if first != second:
            found.append(Difference(name, first, second))
    return tuple(found)


def facts(run: RunResult) -> dict[str, Fact]:
    """All facts of a run under one name each, as in `machine.cpu`."""
    groups: dict[str, Mapping[str, Fact]] = {
        "machine": run.environment.machine,
        "server": run.environment.server,
        "client": run.environment.client,
        "label": run.labels,
    }
    known: dict[str, Fact] = {"provider": run.provider, "model": run.model}
    for group, members in groups.items():
        known |= {
            f"{group}.{name}": value
            for name, value in members.items()
            if not name.endswith(_MEASURED)
        }
    return known


def _values(known: Sequence[dict[str, Fact]], name: str) -> tuple[Fact, ...]:
    return tuple(dict.fromkeys(facts.get(name) for facts in known))
