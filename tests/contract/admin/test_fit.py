"""Memory over the API: the verdict with its numbers, pins, and what was done unasked."""

from pathlib import Path

import msgspec
import pytest

from tests.contract.admin.conftest import Daemon
from tests.support import tiny_models
from velocity_local.core.clock import ManualClock
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.catalog.local import LocalCatalog
from velocity_local.daemon.fleet.fitting import Fitting
from velocity_local.wire.http.fit import FitAnswer, NoticeList
from velocity_local.worker.backends.llama_cpp import model as engine


@pytest.fixture
def tiny(daemon: Daemon, tmp_path: Path) -> Path:
    """A real file, listed as `tiny`."""
    folder = tmp_path / "listed"
    folder.mkdir()
    path = tiny_models.write_llama(folder / "tiny.gguf")
    daemon.catalogue.found += LocalCatalog(folder, demo=None, clock=ManualClock()).scan().entries
    return path


async def fit(daemon: Daemon, **query: object) -> FitAnswer:
    answer = await daemon.get("/fit", **query)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=FitAnswer)


async def test_the_verdict_has_the_engines_own_numbers(daemon: Daemon, tiny: Path) -> None:
    told = await fit(daemon, model="tiny")
    backend = engine.load(str(tiny), LoadOptions())
    taken = backend.loaded.memory_bytes
    backend.close()
    assert (told.verdict, told.need.source, told.need.doubt) == ("cpu", "dry run", "")
    assert abs(told.need.engine_bytes - taken) <= taken // 10
    assert told.need.error_bytes > 0
    assert told.largest_n_ctx == tiny_models.N_CTX
    assert told.best_quantization == "F16"


@pytest.mark.usefixtures("tiny")
async def test_a_larger_context_takes_more_and_may_not_fit(daemon: Daemon) -> None:
    small, large = await fit(daemon, model="tiny"), await fit(daemon, model="tiny", n_ctx=10**6)
    assert large.need.kv_bytes > 100 * small.need.kv_bytes
    assert (await fit(daemon, model="tiny", n_ctx=10**8)).verdict == "too large"


async def test_after_a_load_its_own_numbers_count(daemon: Daemon, tiny: Path) -> None:
    backend = engine.load(str(tiny), LoadOptions())
    loaded = backend.loaded
    backend.close()
    entry = next(entry for entry in daemon.catalogue.found if entry.id == "tiny")
    fitting = daemon.fitting
    assert isinstance(fitting, Fitting)
    fitting.note_load(entry, LoadOptions(), loaded)
    told = await fit(daemon, model="tiny")
    assert told.need.source == "loaded"
    assert told.need.engine_bytes == loaded.memory_bytes


@pytest.mark.usefixtures("tiny")
async def test_what_the_engine_refuses_is_a_doubt(daemon: Daemon) -> None:
    told = await fit(daemon, model="tiny", kv_type="q8_0")
    assert told.need.source == "header"
    assert "q8_0" in told.need.doubt


async def test_without_a_header_the_size_speaks_and_says_so(daemon: Daemon) -> None:
    told = await fit(daemon, model="demo")
    assert told.need.source == "file size"
    assert "size of its files" in told.need.doubt


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"model": "none"}, 404, "model_not_found"),
        ({"model": "demo", "n_ctx": 0}, 400, "invalid_value"),
        ({"model": "demo", "kv_type": "q2"}, 400, "invalid_value"),
        ({"model": "demo", "ctx": 5}, 400, "unsupported_parameter"),
        ({}, 400, "invalid_value"),
    ],
)
async def test_bad_questions_are_named(
    daemon: Daemon, query: dict[str, object], status: int, code: str
) -> None:
    answer = await daemon.get("/fit", **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_pins_are_set_and_shown(daemon: Daemon) -> None:
    pinned = (await daemon.http.post("/api/v1/models/demo/pin")).json()
    assert pinned["is_pinned"] is True
    assert (await daemon.http.post("/api/v1/models/demo/unpin")).json()["is_pinned"] is False


async def test_a_load_may_say_how_long_it_stays(daemon: Daemon) -> None:
    for keep_alive_s, told in ((60, 60.0), (0, None)):
        await daemon.http.post("/api/v1/models/demo/load", params={"keep_alive_s": keep_alive_s})
        assert (await daemon.get("/models/demo")).json().get("keep_alive_s") == told
    wrong = await daemon.http.post("/api/v1/models/demo/unload", params={"keep_alive_s": 60})
    assert wrong.json()["error"]["param"] == "keep_alive_s"


async def test_events_are_told_after_a_number(daemon: Daemon) -> None:
    daemon.fleet.diary.note("evicted", "a", "makes room for b", size_bytes=5)
    daemon.fleet.diary.note("idle", "b", "unused for 60 s")
    answer = await daemon.get("/events", after=1)
    told = msgspec.json.decode(answer.content, type=NoticeList)
    assert [(notice.number, notice.kind, notice.model) for notice in told.items] == [
        (2, "idle", "b")
    ]
