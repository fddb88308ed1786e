"""What has to go so that a model can be loaded, as a table."""

import pytest

from velocity_local.daemon.fleet.planner import (
    Evict,
    LoadPlan,
    Refuse,
    Resident,
    Start,
    Trim,
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


def saving(model: str, kv: int, size: int = 20, *, is_busy: bool = True) -> Resident:
    """`kv` of its bytes are saved prompts."""
    return Resident(model, size, 1, is_busy=is_busy, kv_bytes=kv)


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
    ("saved prompts before models", 10, [saving("a", 8), idle("b", 1)], 9, 5, Trim((("a", 5),))),
    ("most first", 14, [saving("a", 3), saving("b", 8)], 9, 4, Trim((("b", 8), ("a", 2)))),
    ("nobody gives where there is room", 10, [saving("a", 8)], 9, 10, Start()),
    ("no prompt is worth a place", 10, [saving("a", 8, is_busy=False)], 1, 99, Evict(("a",))),
    ("not one more than needed", 25, [saving("a", 9), idle("b", 9)], 9, 6, Evict(("b",))),
    ("leaving with what it saved", 25, [leaving("a"), saving("b", 4)], 9, 12, Wait()),
    ("saved prompts count as attainable", 100, [saving("a", 8)], 9, 5, Refuse(100, 25)),
]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_plan_load(row: tuple[str, int, list[Resident], int, int, LoadPlan]) -> None:
    _, needed, residents, max_loaded, available, expected = row
    assert (
        plan_load(needed, residents, max_loaded=max_loaded, available_bytes=available) == expected
    )
