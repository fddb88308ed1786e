"""Models, status, machine, logs, settings and the end, over HTTP."""

import os
from pathlib import Path

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from tests.contract.admin.conftest import Daemon
from tests.support.scripted import NESTED
from velocity_local.config.logfile import worker_log
from velocity_local.daemon.server.admin.routes import ROUTES
from velocity_local.wire.http import admin


async def test_models_are_listed_with_their_state(daemon: Daemon) -> None:
    await daemon.http.post("/api/v1/models/demo/load")
    answer = await daemon.get("/models")
    found = msgspec.json.decode(answer.content, type=admin.ModelList)
    assert [(item.id, item.state) for item in found.items] == [
        ("demo", "ready"),
        ("org/name/file", "unloaded"),
    ]
    demo, other = found.items
    assert (demo.memory_bytes, demo.rss_bytes) == (4096, 5000)
    assert demo.loaded is not None
    assert (other.memory_bytes, other.loaded, other.fingerprint) == (None, None, NESTED.fingerprint)


@pytest.mark.parametrize("name", ["demo", "org/name/file", "org%2Fname%2Ffile"])
async def test_a_model_is_loaded_and_unloaded_by_name_with_or_without_slashes(
    daemon: Daemon, name: str
) -> None:
    for verb, state in (("load", "ready"), ("unload", "unloaded")):
        answer = await daemon.http.post(f"/api/v1/models/{name}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        assert (await daemon.get(f"/models/{name}")).json() == answer.json()


async def test_a_model_that_cannot_be_loaded_says_why(daemon: Daemon) -> None:
    daemon.fleet.broken.add("demo")
    answer = await daemon.http.post("/api/v1/models/demo/load")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
    assert answer.json()["error"]["code"] == "model_failed"
    assert (await daemon.get("/models/demo")).json()["last_error"] == "no memory"
    assert (await daemon.get("/status")).json()["degraded"] == ["model demo failed: no memory"]


ABSENT = [
    ("GET", "/models/none", "model_not_found"),
    ("POST", "/models/none/load", "model_not_found"),
    ("POST", "/models/demo/eject", "not_found"),
    ("POST", "/models/load", "not_found"),
    ("GET", "/logs?model=none", "model_not_found"),
    ("GET", "/nothing", "not_found"),
    ("DELETE", "/status", "method_not_allowed"),
]


async def test_what_is_not_there_is_said(daemon: Daemon) -> None:
    for method, path, code in ABSENT:
        answer = await daemon.http.request(method, f"/api/v1{path}")
        assert answer.json()["error"]["code"] == code, path
        assert answer.status_code in {404, 405}


async def test_status_tells_the_daemon_and_its_workers(daemon: Daemon) -> None:
    await daemon.http.post("/api/v1/models/demo/load")
    daemon.clock.advance(5.0)
    answer = await daemon.get("/status")
    found = msgspec.json.decode(answer.content, type=admin.StatusAnswer)
    assert (found.pid, found.release, found.uptime_s) == (os.getpid(), "0.1.0", 5.0)
    assert found.base_urls == {"openai": "http://127.0.0.1:8621/v1"}
    assert (found.is_ready, found.degraded, found.waiting) == (True, (), 0)
    assert found.history == admin.HistoryState(None, 0, 0)
    [worker] = found.workers
    assert (worker.model, worker.pid, worker.restarts) == ("demo", 4711, 1)
    assert (worker.running, worker.waiting, worker.pending, worker.used_cells) == (2, 1, 1, 99)
    assert worker.cells == 2048


async def test_the_machine_is_described(daemon: Daemon) -> None:
    answer = await daemon.get("/system")
    found = msgspec.json.decode(answer.content, type=admin.SystemAnswer)
    assert found.cpu.threads == len(found.cpu.use) >= 1
    assert 0 < found.memory.available_bytes <= found.memory.total_bytes
    assert (found.gpus, found.gpu_reason) == ((), "no NVIDIA driver")
    assert found.disk_free_bytes is not None


async def test_logs_show_the_end_without_control_characters(daemon: Daemon) -> None:
    log = daemon.home / "logs" / "daemon.log"
    log.write_text("one\ntwo\x1b[31m\nthree\n")
    found = (await daemon.get("/logs", lines=2)).json()
    assert found == {
        "source": "daemon", "items": [r"two\x1b[31m", "three"], "next": None, "version": 1,
    }  # fmt: skip
    worker_log(daemon.home / "logs" / "workers", "org/name/file").write_text("loading\n")
    found = (await daemon.get("/logs", model="org/name/file")).json()
    assert (found["source"], found["items"]) == ("org/name/file", ["loading"])
    assert (await daemon.get("/logs", model="demo")).json()["items"] == []


async def test_settings_are_shown_with_their_origin(daemon: Daemon) -> None:
    found = (await daemon.get("/config")).json()
    items = {item["key"]: (item["value"], item["origin"]) for item in found["items"]}
    assert found["file"] == str(daemon.home / "config.toml")
    assert items["server.port"] == (0, "environment")
    assert items["fleet.preload"] == (["demo"], "default")


async def test_shutdown_answers_before_it_begins(daemon: Daemon) -> None:
    answer = await daemon.http.post("/api/v1/shutdown")
    assert (answer.status_code, answer.json()["pid"]) == (200, os.getpid())
    assert daemon.stops == ["now"]


HTTP_ROUTES = [handler for handler in ROUTES if isinstance(handler, HTTPRouteHandler)]
"""The others are WebSockets, whose handshake has its own test."""


def _calls() -> list[tuple[str, str]]:
    return [
        (method, path.replace("{request_id:str}", "r1").replace("{model:path}", "demo"))
        for handler in HTTP_ROUTES for path in handler.paths for method in handler.http_methods
    ]  # fmt: skip


async def test_every_route_needs_the_install_token(daemon: Daemon) -> None:
    del daemon.http.headers["Authorization"]
    for method, path in _calls():
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await daemon.http.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path)
    assert daemon.stops == []
    assert daemon.fleet.statuses == {}


async def test_there_is_no_log_file_yet(daemon: Daemon, tmp_path: Path) -> None:
    assert not (tmp_path / "logs" / "daemon.log").exists()
    assert (await daemon.get("/logs")).json()["items"] == []


async def test_the_openapi_document_knows_every_route(daemon: Daemon) -> None:
    paths = (await daemon.http.get("/openapi.json")).json()["paths"]
    expected = {
        (path.replace(":str}", "}").replace(":path}", "}"), method.lower())
        for handler in HTTP_ROUTES
        for path in handler.paths
        for method in handler.http_methods
    }
    assert expected <= {(path, method) for path in paths for method in paths[path]}
