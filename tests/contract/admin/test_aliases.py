"""Aliases over HTTP: set with a way to load, refused by name, taken back as a whole."""

from typing import Any

import httpx
import pytest

from tests.contract.admin.conftest import Daemon
from tests.support.scripted import DEMO


async def put(daemon: Daemon, **fields: Any) -> httpx.Response:
    body = {"name": "house", "model": DEMO.id} | fields
    return await daemon.http.post("/api/v1/aliases", json=body)


async def test_an_alias_has_ways_of_its_own_and_goes_back(daemon: Daemon) -> None:
    load, sampling = {"n_ctx": 4096, "kv_type": "q8_0"}, {"temperature": 0.2, "top_k": 5}
    alias = (await put(daemon, load=load, sampling=sampling)).json()
    assert alias["versions"][0]["config"] == {"load": load, "sampling": sampling}
    plain = (await put(daemon)).json()
    assert (plain["active"], plain["standby"]) == (2, 1)
    assert plain["versions"][1]["config"] == {"load": {}, "sampling": {}}
    back = (await daemon.http.post("/api/v1/aliases/house/rollback")).json()
    assert (back["active"], back["standby"]) == (1, 2)
    (listed,) = (await daemon.get("/aliases")).json()["items"]
    assert listed == back
    gone = await daemon.http.delete("/api/v1/aliases/house")
    assert gone.status_code == 200
    assert (await daemon.get("/aliases")).json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "none"}, 404, "no model 'none'"),
        ({"name": DEMO.id}, 409, "a name of its own"),
        ({"name": "a/b"}, 400, "no name for an alias"),
        ({"load": {"n_ctx": 0}}, 400, "n_ctx"),
        ({"load": {"n_gpu_layers": -2}}, 400, "n_gpu_layers"),
        ({"load": {"kv_type": "q2_K"}}, 400, "kv_type"),
        ({"load": {"threads": 4}}, 400, "threads"),
        ({"sampling": {"top_p": 2.0}}, 400, "top_p"),
        ({"sampling": {"seed": 1}}, 400, "seed"),
        ({"config": {}}, 400, "config"),
    ],
)
async def test_what_cannot_be_set_is_refused_by_name(
    daemon: Daemon, fields: dict[str, Any], status: int, told: str
) -> None:
    answer = await put(daemon, **fields)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert (await daemon.get("/aliases")).json()["items"] == []


async def test_an_alias_that_was_nothing_else_has_no_way_back(daemon: Daemon) -> None:
    await put(daemon)
    again = await daemon.http.post("/api/v1/aliases/house/rollback")
    assert (again.status_code, "never anything else" in again.text) == (409, True)
    none = await daemon.http.post("/api/v1/aliases/none/rollback")
    assert none.status_code == 404
