"""Search over HTTP: the shipped list, a hub on this machine, and a hub that misbehaves."""

import json
from typing import Any

import pytest

from tests.contract.admin.conftest import Daemon
from tests.support.hub import LocalHub
from tests.support.mlx import mlx_files

REPOSITORY = "owner/tiny-GGUF"


@pytest.fixture(autouse=True)
def _repository(hub: LocalHub) -> None:
    hub.put(REPOSITORY, **{"tiny-Q8_0.gguf": b"x" * 1000, "tiny-Q4_K_M.gguf": b"x" * 500})


async def items(daemon: Daemon, **query: object) -> list[dict[str, Any]]:
    answer = await daemon.get("/search", **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_the_hub_is_searched_with_sizes_and_verdicts(daemon: Daemon) -> None:
    (found,) = await items(daemon, text="tiny")
    assert (found["repository"], found["source"], found["licence"]) == (REPOSITORY, "hub", "mit")
    assert [variant["quantization"] for variant in found["variants"]] == ["Q4_K_M", "Q8_0"]
    small = found["variants"][0]
    assert (small["size_bytes"], small["is_estimate"]) == (500, False)
    assert (small["pull"], small["verdict"]) == (f"{REPOSITORY}:Q4_K_M", "cpu")


async def test_the_shipped_list_comes_first_and_needs_no_hub(daemon: Daemon, hub: LocalHub) -> None:
    found = await items(daemon, use="embeddings", offline="true")
    assert {item["source"] for item in found} == {"catalogue"}
    assert all("embeddings" in item["uses"] for item in found)
    assert hub.requests == []


async def test_a_hub_that_cannot_be_asked_leaves_the_shipped_list(
    daemon: Daemon, hub: LocalHub
) -> None:
    hub.faults.api_status = 500
    answer = (await daemon.get("/search", text="qwen3-4b")).json()
    assert answer["items"][0]["name"] == "qwen3-4b"
    assert "500" in answer["hub_error"]


async def test_a_name_of_the_shipped_list_is_looked_up_in_its_repository(daemon: Daemon) -> None:
    answer = await daemon.http.post("/api/v1/downloads", json={"model": "qwen3-4b:Q6_K"})
    assert answer.status_code == 404
    assert "unsloth/Qwen3-4B-Instruct-2507-GGUF" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"{}", b'[{"id": 3}]', b'[{"id":"owner/tiny-GGUF","downloads":"many"}]', b"\xff"],
)
async def test_an_answer_that_is_none_is_told_as_the_hubs(
    daemon: Daemon, hub: LocalHub, body: bytes
) -> None:
    hub.search_answer = body
    answer = (await daemon.get("/search", text="tiny")).json()
    assert answer["items"] == []
    assert "not understood" in answer["hub_error"]


@pytest.mark.parametrize("name", ["../../etc", "a/b/c", "owner/..", "owner/\u202eevil", "", "x"])
async def test_repositories_with_evil_names_are_left_out(
    daemon: Daemon, hub: LocalHub, name: str
) -> None:
    hub.search_answer = json.dumps([{"id": name}, {"id": REPOSITORY, "downloads": -5}]).encode()
    (found,) = await items(daemon, text="tiny")
    assert (found["repository"], found["downloads"]) == (REPOSITORY, 0)
    asked = [request.path for request in hub.requests if "/revision/" in request.path]
    assert len(asked) == 1


async def test_mlx_repositories_are_listed_with_their_size(daemon: Daemon, hub: LocalHub) -> None:
    hub.put_mlx("owner/tiny-4bit", mlx_files() | {"modeling.py": b"x" * 700})
    (found,) = await items(daemon, text="tiny", format="mlx")
    (variant,) = found["variants"]
    assert (found["repository"], variant["quantization"]) == ("owner/tiny-4bit", "4bit")
    assert variant["size_bytes"] == sum(map(len, mlx_files().values()))
    assert variant["pull"] == "owner/tiny-4bit"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 51}, {"use": "x"}, {"text": "x" * 201}])
async def test_a_question_out_of_range_is_refused(daemon: Daemon, query: dict[str, object]) -> None:
    assert (await daemon.get("/search", **query)).status_code == 400
