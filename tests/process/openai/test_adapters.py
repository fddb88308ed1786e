"""Adapters in a whole daemon: added while the model runs, asked for by name, and removed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import tiny_adapters, tiny_models
from tests.support.daemon import RunningDaemon, running_daemon

pytestmark = pytest.mark.process
PROMPT = "the old king had three sons"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    home: Path = tmp_path_factory.mktemp("daemon")
    models = home / "models"
    models.mkdir()
    tiny_models.write_llama(models / "tiny.gguf")
    (models / "lora").mkdir()
    tiny_adapters.write_llama_adapter(models / "lora" / "one.gguf")
    tiny_adapters.write_llama_adapter(models / "lora" / "two.gguf", seed=2)
    tiny_adapters.write_merged_llama(models / "merged.gguf")
    with running_daemon(home) as running:
        yield running


def said(daemon: RunningDaemon, model: str) -> str:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 16, "temperature": 0}
    status, answer = daemon.get("/v1/completions", method="POST", body=body)
    document = json.loads(answer)
    assert status == 200, document
    assert document["model"] == model
    return str(document["choices"][0]["text"])


def add(daemon: RunningDaemon, name: str, path: str, scale: float = 1.0) -> int:
    body = {"model": "tiny", "name": name, "path": path, "scale": scale}
    return daemon.get("/api/v1/adapters", method="POST", body=body)[0]


def ids(daemon: RunningDaemon) -> list[str]:
    return [model["id"] for model in json.loads(daemon.get("/v1/models")[1])["data"]]


def test_the_life_of_adapters(daemon: RunningDaemon) -> None:
    plain = said(daemon, "tiny")
    assert add(daemon, "one", "lora/one.gguf") == 201
    assert add(daemon, "two", str(daemon.home / "models" / "lora" / "two.gguf")) == 201
    assert ids(daemon) == ["demo", "merged", "tiny", "tiny:one", "tiny:two"]
    first, second = said(daemon, "tiny:one"), said(daemon, "tiny:two")
    assert first == said(daemon, "merged")
    assert len({plain, first, second}) == 3
    assert said(daemon, "tiny") == plain
    assert daemon.get("/api/v1/adapters/tiny:one", method="DELETE")[0] == 200
    body = {"model": "tiny:one", "prompt": PROMPT}
    status, answer = daemon.get("/v1/completions", method="POST", body=body)
    assert status == 404
    assert "it has two" in json.loads(answer)["error"]["message"]
    rows = json.loads(daemon.get("/api/v1/requests?model=tiny:two")[1])["items"]
    assert [row["status"] for row in rows] == ["ok"]


def test_embeddings_by_an_adapter_are_refused_by_name(daemon: RunningDaemon) -> None:
    assert add(daemon, "other", "lora/one.gguf") == 201
    body = {"model": "tiny:other", "input": "hello"}
    status, answer = daemon.get("/v1/embeddings", method="POST", body=body)
    assert status == 400
    assert "adapters are for text" in json.loads(answer)["error"]["message"]
