"""Measurements and load options over the management API; that they measure is shown elsewhere."""

import pytest

from tests.contract.admin.conftest import Daemon
from velocity_local.core.tuning import TunedValues


async def test_options_tell_where_each_value_comes_from(daemon: Daemon) -> None:
    answer = await daemon.get("/options/demo")
    assert answer.status_code == 200
    document = answer.json()
    items = {item["key"]: item for item in document["items"]}
    assert items["n_batch"] == {
        "key": "n_batch", "value": 512, "origin": "default", "setting": "engine.n_batch",
    }  # fmt: skip
    assert items["flash_attention"]["value"] is None
    assert (document["model"], document["tuned_s"]) == ("demo", None)


async def test_what_was_measured_shows_until_it_is_forgotten(daemon: Daemon) -> None:
    fingerprint = (await daemon.get("/models/org/name/file")).json()["fingerprint"]
    found = TunedValues(n_threads=7)
    daemon.tuned.put(fingerprint, "org/name/file", found, cost=0.9, now_s=5.0)
    document = (await daemon.get("/options/org/name/file")).json()
    assert {"key": "n_threads", "value": 7, "origin": "tuned", "setting": "engine.n_threads"} in (
        document["items"]
    )
    assert (document["tuned_s"], document["tuned_cost"]) == (5.0, 0.9)
    forgotten = await daemon.http.delete("/api/v1/options/org/name/file")
    assert forgotten.json()["tuned_s"] is None
    assert (await daemon.http.delete("/api/v1/options/org/name/file")).status_code == 404


REFUSED = [
    ("no model", {"model": "none"}, 404, "model_not_found"),
    ("no time", {"budget_s": 0}, 400, "invalid_value"),
    ("too much time", {"budget_s": 1e9}, 400, "invalid_value"),
    ("an unknown field", {"rounds": 4}, 400, "unknown_parameter"),
]


@pytest.mark.parametrize(
    ("fields", "status", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_what_cannot_be_measured_is_refused(
    fields: dict[str, object], status: int, code: str, daemon: Daemon
) -> None:
    answer = await daemon.http.post("/api/v1/tunings", json={"model": "demo", **fields})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await daemon.get("/tunings")).json()["items"] == []


async def test_nothing_is_measured_beside_requests(daemon: Daemon) -> None:
    daemon.fleet.busy = 2
    answer = await daemon.http.post("/api/v1/tunings", json={"model": "demo"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_one_that_fails_tells_why(daemon: Daemon) -> None:
    """The demo's path in this catalogue leads nowhere."""
    started = await daemon.http.post("/api/v1/tunings", json={"model": "demo", "budget_s": 5})
    assert started.status_code == 202
    identifier = started.json()["id"]
    ended = await daemon.tuning_ended(identifier)
    assert ended["state"] == "failed"
    assert "cannot load" in ended["error"]
    assert (await daemon.get("/tunings")).json()["items"] == [ended]
    assert (await daemon.http.delete(f"/api/v1/tunings/{identifier}")).json() == ended


async def test_unknown_ones_are_not_found(daemon: Daemon) -> None:
    assert (await daemon.get("/tunings/tu_none")).status_code == 404
    assert (await daemon.http.delete("/api/v1/tunings/tu_none")).status_code == 404
    assert (await daemon.get("/options/none")).status_code == 404
