"""Measurements with real processes: to their end, cancelled, killed, and refused."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.process.fleet.yard import Shelf, entry, until
from tests.support import tiny_models
from velocity_local.config.load import load
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import Conflict, InvalidRequest, NotFound
from velocity_local.core.tuning import SPEED_KEYS, TunedValues
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.process import worker_command
from velocity_local.daemon.fleet.tuning.jobs import Tunings
from velocity_local.daemon.fleet.tuning.policy import LoadPolicy
from velocity_local.wire.http.tuning import TuneAsk, TuningItem

pytestmark = pytest.mark.process
LONG = TuneAsk("tiny", budget_s=3600.0)


class Quiet:
    """A fleet in which `busy` requests run."""

    def __init__(self) -> None:
        self.busy = 0
        self.unloaded: list[str] = []

    async def unload(self, model: str) -> None:
        self.unloaded.append(model)


class Yard:
    """Measurements over a tiny model, with a store of their own."""

    def __init__(self, folder: Path, **settings: object) -> None:
        overrides = {f"engine.{key}": value for key, value in settings.items()}
        loaded = load(environ={"VELOCITY_HOME": str(folder)}, overrides=overrides)
        path = tiny_models.write_llama(folder / "tiny.gguf")
        self.fleet = Quiet()
        self.store = TunedStore(folder / "tuned.json", machine="here")
        policy = LoadPolicy(loaded.settings.engine, loaded.origins, self.store)
        self.tunings = Tunings(
            models=Shelf({"tiny": entry("tiny", path)}),
            fleet=lambda: self.fleet,
            policy=policy,
            store=self.store,
            command=worker_command(),
            environment=worker_environment(),
            log_folder=folder / "logs",
            clock=SystemClock(),
        )

    async def ended(self, identifier: str) -> TuningItem:
        await until(lambda: self.tunings.get(identifier).state != "running")
        return self.tunings.get(identifier)

    async def measuring(self, identifier: str) -> None:
        """Wait until trials are under way."""
        await until(lambda: "round" in self.tunings.get(identifier).doing)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    yard = Yard(tmp_path)
    yield yard
    await yard.tunings.close()
    assert not children()


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "velocity_local.worker" in one.cmdline()]


async def test_what_is_found_is_kept_for_the_next_load(yard: Yard) -> None:
    started = await yard.tunings.start(TuneAsk("tiny", budget_s=4.0))
    assert started.state == "running"
    ended = await yard.ended(started.id)
    assert (ended.state, ended.error, ended.share) == ("done", None, 1.0)
    assert yard.fleet.unloaded == ["tiny"]
    kept = yard.store.find("print of tiny")
    assert kept is not None
    assert kept.values == ended.values
    options = await yard.tunings.options("tiny")
    tuned = {item.key for item in options.items if item.origin == "tuned"}
    assert kept.values.pass_ms[0][0] == 1
    assert tuned == set(kept.values.given()) | {"speculation"}
    assert options.tuned_s == kept.tuned_s
    assert (await yard.tunings.forget("tiny")).tuned_s is None


@pytest.mark.parametrize("budget_s", [1.0, 6.0])
async def test_what_there_was_no_time_for_stays_known(budget_s: float, yard: Yard) -> None:
    before = TunedValues(n_threads=9, n_batch=7, flash_attention=True, kv_type="q8_0")
    yard.store.put("print of tiny", "tiny", before, cost=0.5, now_s=1.0)
    ended = await yard.ended((await yard.tunings.start(TuneAsk("tiny", budget_s=budget_s))).id)
    kept = yard.store.find("print of tiny")
    assert kept is not None
    assert ended.values is not None
    assert kept.values.kv_type == "q8_0"
    for key in SPEED_KEYS:
        source = before if key in ended.unmeasured else ended.values
        field = "pass_ms" if key == "speculation" else key
        assert getattr(kept.values, field) == getattr(source, field)


async def test_one_that_is_cancelled_leaves_nothing(yard: Yard) -> None:
    started = await yard.tunings.start(LONG)
    await yard.measuring(started.id)
    assert len(children()) == 1
    assert (await yard.tunings.cancel(started.id)).state == "cancelled"
    assert not children()
    assert yard.store.find("print of tiny") is None
    assert (await yard.tunings.cancel(started.id)).state == "cancelled"


async def test_one_whose_process_dies_says_how(yard: Yard) -> None:
    started = await yard.tunings.start(LONG)
    await yard.measuring(started.id)
    os.kill(children()[0].pid, signal.SIGKILL)
    ended = await yard.ended(started.id)
    assert ended.state == "failed"
    assert "SIGKILL" in str(ended.error)


async def test_two_at_once_would_measure_each_other(yard: Yard) -> None:
    started = await yard.tunings.start(LONG)
    with pytest.raises(Conflict, match=started.id):
        await yard.tunings.start(LONG)
    await yard.tunings.cancel(started.id)


async def test_nothing_is_measured_beside_requests(yard: Yard) -> None:
    yard.fleet.busy = 3
    with pytest.raises(Conflict, match="3 requests"):
        await yard.tunings.start(LONG)
    assert yard.tunings.all() == []


async def test_what_is_set_is_left_alone(tmp_path: Path) -> None:
    yard = Yard(tmp_path, n_threads=1, n_batch=64, flash_attention="true", speculation="auto")
    with pytest.raises(InvalidRequest, match=", ".join(SPEED_KEYS)):
        await yard.tunings.start(LONG)


async def test_a_file_that_is_no_model_is_told(yard: Yard, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF" + bytes(100))
    ended = await yard.ended((await yard.tunings.start(LONG)).id)
    assert ended.state == "failed"
    assert "cannot load" in str(ended.error)


async def test_unknown_ones_are_not_found(yard: Yard) -> None:
    with pytest.raises(NotFound):
        yard.tunings.get("tu_none")
    with pytest.raises(NotFound, match="nothing was measured"):
        await yard.tunings.forget("tiny")
