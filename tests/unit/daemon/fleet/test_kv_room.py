"""Saved prompts have what models leave over, and give it back before any model goes."""

import pytest

from tests.unit.daemon.fleet.stage import IDLE, MIB, Stage
from velocity_local.daemon.fleet.kv_room import KvRoom, Saver, limits
from velocity_local.wire.ipc.messages import EngineLoad, LimitKv, Step

BIG = 4000 * MIB
MOST = 1024 * MIB


class Saving(Stage):
    """Every model may save `MOST` bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.effects.kv_ram_bytes = MOST

    def saved(self, mib: int, *, worker: int) -> None:
        """A worker tells how much it keeps."""
        load = EngineLoad(0, 0, 0, 0.0, mib * MIB)
        self.report(Step((), load), worker=worker)

    def limits(self, worker: int) -> list[int]:
        sent = self.effects.sent
        return [c.n_bytes // MIB for w, c in sent if w == worker and isinstance(c, LimitKv)]


@pytest.mark.parametrize(
    ("held", "free", "expected"),
    [
        ([0, 0], 100, [10, 10]),
        ([0, 0], 12, [6, 6]),
        ([8, 0], 12, [10, 6]),
        ([8, 2], -5, [4, 1]),
        ([8, 2], -50, [0, 0]),
        ([0], -1, [0]),
        ([], 5, []),
    ],
)
def test_limits(held: list[int], free: int, expected: list[int]) -> None:
    savers = [Saver(str(i), kv_bytes, 10) for i, kv_bytes in enumerate(held)]
    assert limits(savers, free) == expected


def test_a_limit_is_told_when_it_has_changed_enough() -> None:
    room = KvRoom()
    saver = Saver("m", 0, 1600)
    assert room.changed([saver], 10**6) == []
    assert room.changed([saver], 1550) == []
    assert room.changed([saver], 1000) == [("m", 1000)]
    assert room.changed([saver], 950) == []
    assert room.changed([saver], 10**6) == [("m", 1600)]
    room.take(saver, 0)
    room.begin("m")
    assert room.changed([saver], 10**6) == []


def test_saved_prompts_make_room_for_a_model_and_no_model_goes() -> None:
    stage = Saving()
    stage.sizes["b"] = BIG
    stage.load("a")
    a = stage.up()
    stage.saved(1000, worker=a)
    stage.effects.free_bytes = 4500 * MIB
    stage.ask("x", model="b")
    assert stage.spawned() == ["a"]
    assert stage.state("a") == "ready"
    (limit,) = stage.limits(a)
    assert 0 < limit < 1000
    stage.effects.free_bytes += (1000 - limit) * MIB
    stage.saved(limit, worker=a)
    assert stage.spawned() == ["a", "b"]
    assert [notice.kind for notice in stage.supervisor.diary.since(0)] == ["trimmed"]


def test_a_model_goes_if_its_prompts_are_not_enough() -> None:
    stage = Saving()
    stage.sizes.update(a=2 * BIG, b=BIG)
    stage.load("a")
    a = stage.up()
    stage.saved(1000, worker=a)
    stage.effects.free_bytes = 1000 * MIB
    stage.ask("x", model="b")
    assert stage.state("a") == "unloading"
    assert stage.limits(a) == []


def test_what_is_saved_stays_within_what_models_leave_over() -> None:
    stage = Saving()
    stage.load("a")
    a = stage.up()
    assert stage.limits(a) == []
    stage.effects.free_bytes = 300 * MIB
    stage.saved(200, worker=a)
    assert stage.limits(a) == [500]
    stage.effects.free_bytes = -100 * MIB
    stage.saved(210, worker=a)
    assert stage.limits(a) == [500, 110]
    stage.effects.free_bytes = 4000 * MIB
    stage.saved(100, worker=a)
    assert stage.limits(a) == [500, 110, 1024]


def test_what_idle_models_have_saved_could_be_made_free() -> None:
    stage = Saving()
    stage.load("a")
    a = stage.up()
    before = stage.supervisor.evictable_bytes()
    stage.saved(700, worker=a)
    assert stage.supervisor.evictable_bytes() == before + 700 * MIB
    stage.ask("x", model="a")
    stage.begin("x")
    stage.saved(700, worker=a)
    assert stage.supervisor.evictable_bytes() == 700 * MIB
    stage.step(load=IDLE)
    assert stage.supervisor.evictable_bytes() == 0
