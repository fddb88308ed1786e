"""Downloads over HTTP, from a hub on this machine to a real folder."""

import asyncio
import errno
import os
from typing import Any

import httpx
import pytest

from tests.contract.admin.conftest import Daemon
from tests.support.hub import LocalHub
from velocity_local.core.downloads import ENDED
from velocity_local.daemon.catalog.downloads import delivery

DATA = bytes(range(256)) * 1024
REPOSITORY = "owner/tiny-GGUF"
FILE = "tiny-Q8_0.gguf"
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def _repository(hub: LocalHub) -> None:
    hub.put(REPOSITORY, **{FILE: DATA, "tiny-Q4_K_M.gguf": DATA[:1000], "imatrix.gguf": b"x"})


async def post(daemon: Daemon, model: str) -> httpx.Response:
    return await daemon.http.post("/api/v1/downloads", json={"model": model})


async def ended(daemon: Daemon, identifier: str) -> dict[str, Any]:
    return await until(daemon, identifier, *ENDED)


async def until(daemon: Daemon, identifier: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            item: dict[str, Any] = (await daemon.get(f"/downloads/{identifier}")).json()
            if item["state"] in states:
                return item
            await asyncio.sleep(0.01)


async def held(hub: LocalHub) -> None:
    """Return once the hub has sent what it sends before it waits."""
    assert await asyncio.to_thread(hub.held.wait, PATIENCE_S)


def names(daemon: Daemon) -> list[str]:
    return [path.name for path in (daemon.home / "models").rglob("[!.]*") if path.is_file()]


async def test_a_model_is_fetched_under_the_name_it_will_have(daemon: Daemon) -> None:
    answer = await post(daemon, f"{REPOSITORY}:Q8_0")
    assert answer.status_code == 202
    item = await ended(daemon, answer.json()["id"])
    assert (item["state"], item["error"]) == ("done", None)
    assert (item["model"], item["quantization"]) == (f"{REPOSITORY}/tiny-Q8_0", "Q8_0")
    assert item["done_bytes"] == item["total_bytes"] == len(DATA)
    assert (daemon.home / "models" / REPOSITORY / FILE).read_bytes() == DATA
    assert names(daemon) == [FILE]


async def test_eight_askers_make_one_transfer(daemon: Daemon, hub: LocalHub) -> None:
    hub.faults.hold_after = 16 * 1024
    asked = [
        f"{REPOSITORY}:Q8_0",
        f"{REPOSITORY}@q8_0",
        f"{REPOSITORY}/{FILE}",
        f"{REPOSITORY}:Q8_0",
    ]
    answers = await asyncio.gather(*(post(daemon, text) for text in asked * 2))
    (identifier,) = {answer.json()["id"] for answer in answers}
    hub.released.set()
    assert (await ended(daemon, identifier))["state"] == "done"
    assert len(hub.storage) == 1
    assert len((await daemon.get("/downloads")).json()["items"]) == 1


async def test_a_cancelled_download_leaves_nothing(daemon: Daemon, hub: LocalHub) -> None:
    hub.faults.hold_after = 64 * 1024
    identifier = (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"]
    await held(hub)
    cancelling = asyncio.create_task(daemon.http.delete(f"/api/v1/downloads/{identifier}"))
    await until(daemon, identifier, "cancelling", "cancelled")
    hub.released.set()
    assert (await cancelling).status_code == 200
    assert (await ended(daemon, identifier))["state"] == "cancelled"
    assert names(daemon) == []


async def test_a_third_download_waits_and_can_be_cancelled_at_once(
    daemon: Daemon, hub: LocalHub
) -> None:
    hub.faults.hold_after = 0
    for name in ("a", "b", "c"):
        hub.put(f"owner/{name}", **{f"{name}-Q8_0.gguf": DATA})
    ids = [(await post(daemon, f"owner/{name}:Q8_0")).json()["id"] for name in ("a", "b", "c")]
    states = [(await daemon.get(f"/downloads/{identifier}")).json()["state"] for identifier in ids]
    assert states[2] == "waiting"
    assert (await daemon.http.delete(f"/api/v1/downloads/{ids[2]}")).json()["state"] == "cancelled"
    hub.released.set()
    assert [(await ended(daemon, identifier))["state"] for identifier in ids[:2]] == ["done"] * 2


async def test_a_download_that_failed_says_why(daemon: Daemon, hub: LocalHub) -> None:
    hub.faults.corrupt = True
    item = await ended(daemon, (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"])
    assert item["state"] == "failed"
    assert "SHA-256" in item["error"]


async def test_a_repository_lists_its_models(daemon: Daemon) -> None:
    answer = (await daemon.get(f"/hub/{REPOSITORY}")).json()
    assert answer["repository"] == REPOSITORY
    assert [variant["quantization"] for variant in answer["variants"]] == ["Q4_K_M", "Q8_0"]
    assert answer["variants"][1]["size_bytes"] == len(DATA)


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("owner/none:Q8_0", 404, "model_not_found"),
        (f"{REPOSITORY}:Q2_K", 404, "model_not_found"),
        (REPOSITORY, 400, "invalid_value"),
        ("../../etc/passwd", 400, "invalid_value"),
        (f"{REPOSITORY}/../../x.gguf", 400, "invalid_value"),
    ],
)
async def test_what_cannot_be_fetched_is_refused_at_once(
    daemon: Daemon, model: str, status: int, code: str
) -> None:
    answer = await post(daemon, model)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["param"] == "model"


async def test_an_unknown_field_is_refused(daemon: Daemon) -> None:
    answer = await daemon.http.post("/api/v1/downloads", json={"model": "o/r", "url": "x"})
    assert answer.status_code == 400
    assert "url" in answer.json()["error"]["message"]


async def test_a_model_that_does_not_fit_the_disk_is_refused_with_numbers(
    daemon: Daemon, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SPARE_BYTES", 2**60)
    answer = await post(daemon, f"{REPOSITORY}:Q8_0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
    assert answer.json()["error"]["details"]["missing_bytes"] == len(DATA)
    assert hub.storage == []


async def test_a_hub_that_fails_is_told_as_such(daemon: Daemon, hub: LocalHub) -> None:
    hub.faults.api_status = 500
    answer = await post(daemon, f"{REPOSITORY}:Q8_0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "hub_error")


async def test_an_unknown_download_is_not_found(daemon: Daemon) -> None:
    assert (await daemon.get("/downloads/dl_none")).status_code == 404
    assert (await daemon.http.delete("/api/v1/downloads/dl_none")).status_code == 404


async def test_a_daemon_that_stops_keeps_what_has_come(daemon: Daemon, hub: LocalHub) -> None:
    hub.faults.hold_after = 64 * 1024
    identifier = (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"]
    await held(hub)
    closing = asyncio.create_task(daemon.downloads.close())
    await asyncio.sleep(0)
    hub.released.set()
    await closing
    assert (await ended(daemon, identifier))["state"] == "cancelled"
    assert sorted(names(daemon)) == [f"{FILE}.part", f"{FILE}.part.json"]


async def test_a_paused_download_keeps_what_has_come_and_goes_on(
    daemon: Daemon, hub: LocalHub
) -> None:
    hub.faults.hold_after = 64 * 1024
    identifier = (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"]
    await held(hub)
    pausing = asyncio.create_task(daemon.http.post(f"/api/v1/downloads/{identifier}/pause"))
    await until(daemon, identifier, "pausing", "paused")
    hub.released.set()
    await pausing
    item = await until(daemon, identifier, "paused")
    assert sorted(names(daemon)) == [f"{FILE}.part", f"{FILE}.part.json"]
    again = await daemon.http.post(f"/api/v1/downloads/{identifier}/resume")
    assert again.status_code == 200
    assert (await ended(daemon, identifier))["state"] == "done"
    assert hub.storage[-1].first_byte == item["done_bytes"]
    assert (daemon.home / "models" / REPOSITORY / FILE).read_bytes() == DATA


async def test_a_download_that_waits_is_paused_at_once_and_pulling_again_resumes_it(
    daemon: Daemon, hub: LocalHub
) -> None:
    hub.faults.hold_after = 0
    for name in ("a", "b", "c"):
        hub.put(f"owner/{name}", **{f"{name}-Q8_0.gguf": DATA})
    ids = [(await post(daemon, f"owner/{name}:Q8_0")).json()["id"] for name in ("a", "b", "c")]
    paused = await daemon.http.post(f"/api/v1/downloads/{ids[2]}/pause")
    assert paused.json()["state"] == "paused"
    hub.released.set()
    assert [(await ended(daemon, identifier))["state"] for identifier in ids[:2]] == ["done"] * 2
    assert (await post(daemon, "owner/c:Q8_0")).json()["id"] == ids[2]
    assert (await ended(daemon, ids[2]))["state"] == "done"


async def test_what_has_ended_can_be_neither_paused_nor_resumed(daemon: Daemon) -> None:
    identifier = (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"]
    await ended(daemon, identifier)
    for verb in ("pause", "resume"):
        answer = await daemon.http.post(f"/api/v1/downloads/{identifier}/{verb}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_a_full_disk_pauses_and_says_so(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", full)
        identifier = (await post(daemon, f"{REPOSITORY}:Q8_0")).json()["id"]
        item = await until(daemon, identifier, "paused")
    assert "make room" in item["error"]
    assert (await daemon.http.post(f"/api/v1/downloads/{identifier}/resume")).status_code == 200
    assert (await ended(daemon, identifier))["state"] == "done"


async def test_two_models_that_share_a_projector_are_fetched_one_after_the_other(
    daemon: Daemon, hub: LocalHub
) -> None:
    hub.faults.hold_after = 0
    hub.put("owner/eye", **{"e-Q8_0.gguf": DATA, "e-Q4_0.gguf": DATA, "mmproj-F16.gguf": DATA})
    ids = [(await post(daemon, f"owner/eye:{quant}")).json()["id"] for quant in ("Q8_0", "Q4_0")]
    states = [(await daemon.get(f"/downloads/{identifier}")).json()["state"] for identifier in ids]
    assert states[1] == "waiting"
    hub.released.set()
    assert [(await ended(daemon, identifier))["state"] for identifier in ids] == ["done"] * 2
    assert len([asked for asked in hub.storage if "mmproj" in asked.path]) == 1
