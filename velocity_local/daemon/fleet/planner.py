"""Decides what has to go so that a model can be loaded. Pure: values in, a value out."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that holds a place. `size_bytes` comes free when it goes; a loading one has not
    taken all of it yet. `worth` is what keeping it saves (`worth.worth`); a pinned one stays.
    `kv_bytes` of its size are prompts it has saved, which may go without it.
    """

    model: str
    size_bytes: int
    worth: float
    is_busy: bool = False
    is_loading: bool = False
    is_leaving: bool = False
    is_pinned: bool = False
    kv_bytes: int = 0

    @property
    def may_go(self) -> bool:
        """It is idle, and nobody wants it kept."""
        return not (self.is_busy or self.is_loading or self.is_leaving or self.is_pinned)


@dataclass(frozen=True, slots=True)
class Start:
    """There is room."""


@dataclass(frozen=True, slots=True)
class Wait:
    """There may be room when those that leave are gone and those that load are there."""


@dataclass(frozen=True, slots=True)
class Trim:
    """These let go of so many bytes of saved prompts, and stay. Then ask again."""

    kv_bytes: tuple[tuple[str, int], ...]


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
    """It would not fit even with everything else gone but the pinned models."""

    needed_bytes: int
    attainable_bytes: int
    pinned: tuple[str, ...] = ()


LoadPlan = Start | Wait | Trim | Evict | Yield | Refuse


def plan_load(
    needed_bytes: int,
    residents: Sequence[Resident],
    *,
    max_loaded: int,
    available_bytes: int,
) -> LoadPlan:
    """What to do so that a model of `needed_bytes` can be loaded.

    Saved prompts go before any model. Of these those of least worth go first, and idle ones before
    busy ones; models that are pinned, are loading or leave anyway are never chosen, and none goes
    whose room is not needed.
    """
    promised = sum(resident.size_bytes for resident in residents if resident.is_loading)
    free_bytes = available_bytes - promised
    if free_bytes >= needed_bytes and len(residents) < max_loaded:
        return Start()
    leaving = [resident for resident in residents if resident.is_leaving]
    saved_bytes = sum(r.kv_bytes for r in residents if not r.is_leaving)
    if len(residents) < max_loaded and free_bytes + saved_bytes >= needed_bytes:
        return Trim(_shares(residents, needed_bytes - free_bytes))
    free_bytes += saved_bytes + sum(resident.size_bytes for resident in leaving)
    places = max_loaded - (len(residents) - len(leaving))
    victims: list[Resident] = []
    for candidate in _by_worth(residents):
        if places > 0 and free_bytes >= needed_bytes:
            break
        victims.append(candidate)
        places += 1
        free_bytes += candidate.size_bytes - candidate.kv_bytes
    if free_bytes < needed_bytes or places <= 0:
        if promised or leaving or any(resident.is_loading for resident in residents):
            return Wait()
        pinned = tuple(resident.model for resident in residents if resident.is_pinned)
        return Refuse(needed_bytes, max(free_bytes, 0), pinned)
    return _removal(_needed(victims, free_bytes - needed_bytes, places - 1))


def _shares(residents: Sequence[Resident], missing_bytes: int) -> tuple[tuple[str, int], ...]:
    """Who gives how much of what it has saved: those that have most, first."""
    shares: list[tuple[str, int]] = []
    for resident in sorted(residents, key=lambda r: r.kv_bytes, reverse=True):
        given = 0 if resident.is_leaving else min(resident.kv_bytes, missing_bytes)
        if given > 0:
            shares.append((resident.model, given))
            missing_bytes -= given
    return tuple(shares)


def _by_worth(residents: Sequence[Resident]) -> list[Resident]:
    removable = [r for r in residents if not (r.is_leaving or r.is_loading or r.is_pinned)]
    return sorted(removable, key=lambda r: (r.is_busy, r.worth))


def _needed(victims: list[Resident], spare_bytes: int, spare_places: int) -> list[Resident]:
    """Without those whose room turned out not to be needed, the most worth first."""
    kept = []
    for victim in reversed(victims):
        own_bytes = victim.size_bytes - victim.kv_bytes
        if own_bytes <= spare_bytes and spare_places > 0:
            spare_bytes -= own_bytes
            spare_places -= 1
        else:
            kept.append(victim)
    return kept[::-1]


def _removal(victims: Sequence[Resident]) -> LoadPlan:
    """Idle ones first: their going may be enough once it is measured."""
    idle = tuple(victim.model for victim in victims if not victim.is_busy)
    busy = tuple(victim.model for victim in victims if victim.is_busy)
    if idle:
        return Evict(idle)
    return Yield(busy) if busy else Wait()
