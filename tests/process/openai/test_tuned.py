"""A whole daemon: what was measured is how the model is loaded, unless somebody says otherwise."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import tiny_models
from tests.support.daemon import RunningDaemon, running_daemon
from velocity_local.core.tuning import TunedValues
from velocity_local.daemon.catalog.preflight import inspect
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.telemetry.identity import machine_identity

pytestmark = pytest.mark.process
FOUND = TunedValues(n_threads=2, n_batch=256, flash_attention=False)
QUIET = {"VELOCITY_FLEET_PRELOAD": "[]"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir(mode=0o700)
    (tmp_path / "data").mkdir(mode=0o700)
    tiny_models.write_llama(tmp_path / "models" / "tiny.gguf")
    return tmp_path


def tuned(home: Path) -> None:
    """As if the model had been measured before the daemon's start."""
    fingerprint = inspect(home / "models" / "tiny.gguf").fingerprint
    store = TunedStore(home / "data" / "tuned.json", machine=machine_identity())
    store.put(fingerprint, "tiny", FOUND, cost=0.8, now_s=1.0)


def answer(daemon: RunningDaemon, path: str, **request: Any) -> dict[str, Any]:
    status, body = daemon.get(path, **request)
    assert status < 400, body
    return dict(json.loads(body))


def loaded(daemon: RunningDaemon) -> dict[str, Any]:
    item = answer(daemon, "/api/v1/models/tiny/load", method="POST")
    return dict(item["options"]) | {"threads": item["loaded"]["n_threads"]}


def test_the_next_load_uses_what_was_found(home: Path) -> None:
    tuned(home)
    with running_daemon(home, environment=QUIET) as daemon:
        options = loaded(daemon)
    assert (options["threads"], options["n_batch"]) == (2, 256)
    assert options["flash_attention"] is False


def test_what_is_set_wins(home: Path) -> None:
    tuned(home)
    with running_daemon(home, environment=QUIET | {"VELOCITY_ENGINE_N_BATCH": "128"}) as daemon:
        assert loaded(daemon)["n_batch"] == 128
        items = answer(daemon, "/api/v1/options/tiny")["items"]
    origins = {item["key"]: item["origin"] for item in items}
    assert (origins["n_batch"], origins["n_threads"]) == ("environment", "tuned")


def test_a_measurement_over_the_api_to_its_end(home: Path) -> None:
    with running_daemon(home, environment=QUIET) as daemon:
        loaded(daemon)
        ask = {"model": "tiny", "budget_s": 4}
        now = answer(daemon, "/api/v1/tunings", method="POST", body=ask)
        seen = set()
        while now["state"] == "running":
            seen.add(now["doing"])
            now = answer(daemon, f"/api/v1/tunings/{now['id']}")
            time.sleep(0.02)
        assert now["state"] == "done", now
        assert len(seen) > 1
        kept = answer(daemon, "/api/v1/options/tiny")
        given = {item["key"] for item in kept["items"] if item["origin"] == "tuned"}
        shown = {"speculation" if key == "pass_ms" else key for key in now["values"]}
        assert given == shown
        assert loaded(daemon)["threads"]
