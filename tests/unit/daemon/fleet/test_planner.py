"""What has to go so that a model can be loaded, as a table."""

import pytest

from velocity_local.daemon.fleet.planner import (
    Evict,
    LoadPlan,
    Refuse,
    Resident,
    Start,
    Wait,
    Yield,
    plan_load,
)


def idle(model: str, used: float, size: int = 10) -> Resident:
    return Resident(model, size, used)


def busy(model: str, used: float, size: int = 10) -> Resident:
    return Resident(model, size, used, is_busy=True)


def loading(model: str, size: int = 10) -> Resident:
    return Resident(model, size, 0, is_loading=True)


def leaving(model: str, size: int = 10) -> Resident:
    return Resident(model, size, 0, is_leaving=True)


# name, needed, residents, max_loaded, available, expected
TABLE: list[tuple[str, int, list[Resident], int, int, LoadPlan]] = [
    ("empty machine", 10, [], 3, 10, Start()),
    ("room beside others", 10, [busy("a", 1), idle("b", 2)], 3, 10, Start()),
    ("no place: longest unused goes", 10, [idle("a", 5), idle("b", 1)], 2, 99, Evict(("b",))),
    ("idle before busy", 10, [busy("a", 1), idle("b", 9)], 2, 99, Evict(("b",))),
    ("never a busy one at once", 10, [busy("a", 1), busy("b", 9)], 2, 99, Yield(("a",))),
    ("no memory: one goes", 15, [idle("a", 1), idle("b", 2)], 9, 5, Evict(("a",))),
    ("no memory: two go", 25, [idle("a", 1), idle("b", 2)], 9, 5, Evict(("a", "b"))),
    ("idle first, then measure", 25, [idle("a", 1), busy("b", 2)], 9, 5, Evict(("a",))),
    ("no memory: a busy one yields", 15, [busy("a", 1)], 9, 5, Yield(("a",))),
    ("never fits", 100, [], 3, 10, Refuse(100, 10)),
    ("never fits, with all gone", 100, [idle("a", 1), busy("b", 2)], 3, 10, Refuse(100, 30)),
    ("one that leaves makes room", 15, [leaving("a")], 3, 5, Wait()),
    ("one that leaves makes a place", 5, [leaving("a")], 1, 50, Wait()),
    ("one that leaves is not enough", 25, [leaving("a"), idle("b", 1)], 3, 5, Evict(("b",))),
    ("one that loads has not taken its memory yet", 10, [loading("a")], 3, 15, Wait()),
    ("one that loads leaves enough", 10, [loading("a")], 3, 20, Start()),
    ("one that loads is not evicted", 10, [loading("a")], 1, 99, Wait()),
    ("exactly enough", 10, [idle("a", 1)], 2, 10, Start()),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_plan_load(row: tuple[str, int, list[Resident], int, int, LoadPlan]) -> None:
    _, needed, residents, max_loaded, available, expected = row
    assert (
        plan_load(needed, residents, max_loaded=max_loaded, available_bytes=available) == expected
    )
