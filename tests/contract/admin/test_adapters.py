"""Adapters over the management API: added, listed, refused and removed."""

from pathlib import Path

import httpx
import pytest

from tests.contract.admin.conftest import Daemon
from tests.support import tiny_adapters, tiny_models
from velocity_local.core.models import ModelEntry


@pytest.fixture
def shelf(daemon: Daemon) -> Path:
    """The models folder, in which the model `tiny` lies."""
    folder = daemon.home / "models"
    path = tiny_models.write_llama(folder / "tiny.gguf")
    daemon.catalogue.found.append(
        ModelEntry("tiny", str(path), "gguf", path.stat().st_size, "print", 1, "llama")
    )
    tiny_adapters.write_llama_adapter(folder / "pirate.gguf")
    return folder


async def add(daemon: Daemon, **fields: object) -> httpx.Response:
    ask = {"model": "tiny", "name": "pirate", "path": "pirate.gguf", **fields}
    return await daemon.http.post("/api/v1/adapters", json=ask)


async def test_an_adapter_is_added_listed_and_removed(daemon: Daemon, shelf: Path) -> None:
    added = await add(daemon, scale=0.5)
    assert added.status_code == 201
    item = added.json()
    assert item["id"] == "tiny:pirate"
    assert (item["rank"], item["tensors"], item["scale"]) == (4, 28, 0.5)
    assert item["path"] == str(shelf / "pirate.gguf")
    assert (await daemon.get("/adapters")).json()["items"] == [item]
    removed = await daemon.http.delete("/api/v1/adapters/tiny:pirate")
    assert removed.json()["id"] == "tiny:pirate"
    assert daemon.forgotten == [("tiny", f"{item['fingerprint']}@0.5")]
    assert (await daemon.get("/adapters")).json()["items"] == []
    assert (shelf / "pirate.gguf").exists()


async def test_the_model_tells_its_adapters(daemon: Daemon, shelf: Path) -> None:
    await add(daemon)
    await add(daemon, name="half", scale=0.5)
    model = (await daemon.get("/models/tiny")).json()
    assert model["adapters"] == ["tiny:pirate", "tiny:half"]


REFUSED = [
    ("no model", {"model": "tinny"}, 404, "model_not_found"),
    ("a colon in the name", {"name": "a:b"}, 400, "invalid_value"),
    ("no name", {"name": ""}, 400, "invalid_value"),
    ("a scale of 0", {"scale": 0}, 400, "invalid_value"),
    ("a huge scale", {"scale": 1e9}, 400, "invalid_value"),
    ("no file", {"path": "none.gguf"}, 400, "invalid_adapter"),
    ("a path out of the folder", {"path": "../config.toml"}, 400, "invalid_adapter"),
    ("a path with a zero in it", {"path": "pir\0ate.gguf"}, 400, "invalid_value"),
    ("a path that is too long", {"path": "x" * 5000}, 400, "invalid_adapter"),
    ("the folder itself", {"path": "."}, 400, "invalid_adapter"),
    ("no path", {"path": ""}, 400, "invalid_adapter"),
    ("a name with a line end", {"name": "a\n"}, 400, "invalid_value"),
    ("a file elsewhere", {"path": "/etc/passwd"}, 400, "invalid_adapter"),
    ("a model", {"path": "tiny.gguf"}, 400, "invalid_adapter"),
    ("an unknown field", {"rank": 4}, 400, "unknown_parameter"),
]


@pytest.mark.parametrize(
    ("fields", "status", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_what_cannot_be_added_is_refused(
    fields: dict[str, object], status: int, code: str, daemon: Daemon, shelf: Path
) -> None:
    answer = await add(daemon, **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await daemon.get("/adapters")).json()["items"] == []


async def test_an_adapter_of_another_model_is_refused(daemon: Daemon, shelf: Path) -> None:
    pairs = tiny_adapters.pairs_of(tiny_models.llama_tensors())
    wider = [pair._replace(a=pair.a.repeat(2, axis=1)) for pair in pairs]
    tiny_adapters.write_adapter(shelf / "wide.gguf", wider)
    answer = await add(daemon, path="wide.gguf")
    assert answer.status_code == 400
    assert "this model needs" in answer.json()["error"]["message"]


async def test_a_cut_file_is_refused(daemon: Daemon, shelf: Path) -> None:
    data = (shelf / "pirate.gguf").read_bytes()
    (shelf / "cut.gguf").write_bytes(data[: len(data) // 2])
    answer = await add(daemon, path="cut.gguf")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_adapter")


async def test_a_name_is_given_once(daemon: Daemon, shelf: Path) -> None:
    await add(daemon)
    again = await add(daemon)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


async def test_one_that_does_not_fit_into_memory_is_refused(daemon: Daemon, shelf: Path) -> None:
    base = tiny_models.llama_tensors()
    pairs = [pair._replace(a=pair.a.repeat(300, axis=0), b=pair.b.repeat(300, axis=1))
             for pair in tiny_adapters.pairs_of(base)]  # fmt: skip
    tiny_adapters.write_adapter(shelf / "big.gguf", pairs)
    answer = await add(daemon, path="big.gguf")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "out_of_memory")


async def test_a_file_that_went_away_is_told_in_the_list(daemon: Daemon, shelf: Path) -> None:
    await add(daemon)
    (shelf / "pirate.gguf").unlink()
    (item,) = (await daemon.get("/adapters")).json()["items"]
    assert "leads nowhere" in item["problem"]
    assert item["rank"] is None
    assert (await daemon.get("/models/tiny")).json()["adapters"] == []
    assert (await daemon.http.delete("/api/v1/adapters/tiny:pirate")).status_code == 200


async def test_removing_what_is_not_there_is_not_found(daemon: Daemon, shelf: Path) -> None:
    for name in ("tiny:pirate", "pirate", "none:x"):
        assert (await daemon.http.delete(f"/api/v1/adapters/{name}")).status_code == 404
