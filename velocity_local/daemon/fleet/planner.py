"""Decides what has to go so that a model can be loaded. Pure: values in, a value out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that holds a place. `size_bytes` comes free when it goes; a loading one has not
    taken all of it yet.
    """

    model: str
    size_bytes: int
    last_used_s: float
    is_busy: bool = False
    is_loading: bool = False
    is_leaving: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """There is room."""


@dataclass(frozen=True, slots=True)
class Wait:
    """There may be room when those that leave are gone and those that load are there."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Unload these; they are idle. Then ask again."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Yield:
    """These are busy: they get no new requests, and go when they are done. Then ask again."""

    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """It would not fit even with everything else gone."""

    needed_bytes: int
    attainable_bytes: int


LoadPlan = Start | Wait | Evict | Yield | Refuse


def plan_load(
    needed_bytes: int,
    residents: Sequence[Resident],
    *,
    max_loaded: int,
    available_bytes: int,
) -> LoadPlan:
    """What to do so that a model of `needed_bytes` can be loaded.

    Those longest unused go first, and idle ones before busy ones; models that are loading or
    that leave anyway are never chosen.
    """
    promised = sum(resident.size_bytes for resident in residents if resident.is_loading)
    free_bytes = available_bytes - promised
    if free_bytes >= needed_bytes and len(residents) < max_loaded:
        return Start()
    leaving = [resident for resident in residents if resident.is_leaving]
    free_bytes += sum(resident.size_bytes for resident in leaving)
    places = max_loaded - (len(residents) - len(leaving))
    victims: list[Resident] = []
    for candidate in _by_worth(residents):
        if places > 0 and free_bytes >= needed_bytes:
            break
        victims.append(candidate)
        places += 1
        free_bytes += candidate.size_bytes
    if free_bytes < needed_bytes:
        return Wait() if promised else Refuse(needed_bytes, max(free_bytes, 0))
    return _removal(victims)


def _by_worth(residents: Sequence[Resident]) -> list[Resident]:
    removable = [r for r in residents if not (r.is_leaving or r.is_loading)]
    return sorted(removable, key=lambda r: (r.is_busy, r.last_used_s))


def _removal(victims: Sequence[Resident]) -> LoadPlan:
    """Idle ones first: their going may be enough once it is measured."""
    idle = tuple(victim.model for victim in victims if not victim.is_busy)
    busy = tuple(victim.model for victim in victims if victim.is_busy)
    if idle:
        return Evict(idle)
    return Yield(busy) if busy else Wait()
