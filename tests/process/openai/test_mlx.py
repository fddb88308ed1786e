"""The demo model's weights in both forms, served by one daemon: the same conversation, answered by
llama.cpp and by MLX, and an MLX worker that is killed in the middle of an answer.
"""

import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.support.daemon import RunningDaemon, running_daemon
from tests.support.tiny_mlx import write_adapter
from velocity_local.config.paths import data_root

pytestmark = pytest.mark.process

FLAGS = ("--set", "engine.n_threads=1", "--set", "engine.n_ctx=1024")
# Logits of both engines differ in how 16-bit products are added up; a gap wider than this does not.
TIE = 0.05
QUESTIONS = ("How do I stop the daemon?", "what is the base url", "Which models can it run?")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(data_root() / "demo" / "mlx", home / "models" / "twin")
    flags = (*FLAGS, "--set", f"paths.models={home / 'models'}")
    with running_daemon(home, *flags) as daemon:
        daemon.wait_ready()
        yield daemon


def asked(model: str, messages: list[dict[str, str]], **more: object) -> dict[str, object]:
    limits = {"max_tokens": 40, "temperature": 0, "logprobs": True, "top_logprobs": 3}
    return {"model": model, "messages": messages, **limits, **more}


def said(daemon: RunningDaemon, body: dict[str, object]) -> Any:
    status, answer = daemon.get("/v1/chat/completions", method="POST", body=body)
    assert status == 200, answer
    return msgspec.json.decode(answer)


def assert_alike(one: Any, other: Any) -> None:
    """The same tokens with about the same log-probabilities, up to a near tie at most."""
    pairs = list(zip(one["logprobs"]["content"], other["logprobs"]["content"], strict=False))
    for ours, theirs in pairs:
        if ours["token"] != theirs["token"]:
            tops = {top["token"]: top["logprob"] for top in ours["top_logprobs"]}
            assert abs(tops[ours["token"]] - tops[theirs["token"]]) < TIE
            return
        assert ours["logprob"] == pytest.approx(theirs["logprob"], abs=TIE)
    assert one["finish_reason"] == other["finish_reason"]
    assert one["message"]["content"] == other["message"]["content"]


def test_both_engines_answer_a_conversation_alike(daemon: RunningDaemon) -> None:
    messages: list[dict[str, str]] = []
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        llama, mlx = (said(daemon, asked(model, messages)) for model in ("demo", "twin"))
        assert_alike(llama["choices"][0], mlx["choices"][0])
        assert llama["usage"]["prompt_tokens"] == mlx["usage"]["prompt_tokens"]
        if llama["choices"][0]["message"] == mlx["choices"][0]["message"]:
            assert llama["usage"]["completion_tokens"] == mlx["usage"]["completion_tokens"]
        messages.append({"role": "assistant", "content": llama["choices"][0]["message"]["content"]})


def test_an_adapter_is_asked_for_by_name(daemon: RunningDaemon) -> None:
    write_demo_adapter(daemon.home / "models" / "lora", n_out_factor=1)
    ask = {"model": "twin", "name": "other", "path": "lora/adapters.safetensors"}
    status, answer = daemon.get("/api/v1/adapters", method="POST", body=ask)
    assert status == 201, answer
    messages = [{"role": "user", "content": QUESTIONS[0]}]
    plain, changed, again = (
        said(daemon, asked(model, messages))["choices"][0]["message"]["content"]
        for model in ("twin", "twin:other", "twin")
    )
    assert changed != plain
    assert again == plain


def test_an_adapter_of_another_model_is_refused_by_name(daemon: RunningDaemon) -> None:
    write_demo_adapter(daemon.home / "models" / "wide", n_out_factor=2)
    ask = {"model": "twin", "name": "wide", "path": "wide/adapters.safetensors"}
    assert daemon.get("/api/v1/adapters", method="POST", body=ask)[0] == 201
    body = asked("twin:wide", [{"role": "user", "content": "Hi"}])
    status, answer = daemon.get("/v1/chat/completions", method="POST", body=body)
    assert status == 400, answer
    assert b"made for another" in answer


def write_demo_adapter(folder: Path, *, n_out_factor: int) -> None:
    """A strong random change of the first layer's queries, as mlx-lm would write it."""
    config = json.loads((data_root() / "demo" / "mlx" / "config.json").read_bytes())
    random = np.random.default_rng(5)
    n_in, rank = config["hidden_size"], 4
    n_out = n_out_factor * config["num_attention_heads"] * config["head_dim"]
    path = "model.layers.0.self_attn.q_proj"
    weights = {
        f"{path}.lora_a": random.normal(0, 1, (n_in, rank)).astype(np.float16),
        f"{path}.lora_b": random.normal(0, 1, (rank, n_out)).astype(np.float16),
    }
    write_adapter(folder, weights=weights)


def test_an_answer_goes_on_after_its_worker_was_killed(daemon: RunningDaemon) -> None:
    body = asked("twin", [{"role": "user", "content": "Tell me a story."}], max_tokens=90)
    body |= {"ignore_eos": True, "logprobs": False, "top_logprobs": None}
    whole = said(daemon, body)["choices"][0]["message"]["content"]
    before = set(daemon.worker_pids())
    text = ""
    killed_at = 0
    for delta in streamed(daemon, body | {"stream": True}):
        text += delta
        if not killed_at and len(text) > 40:
            killed_at = len(text)
            twin = next(pid for pid in before if is_of(daemon, pid, "twin"))
            os.kill(twin, signal.SIGKILL)
    assert set(daemon.worker_pids()) != before
    assert len(text) > killed_at + 40
    assert text[: killed_at + 20] == whole[: killed_at + 20]


def test_a_model_is_converted_and_listed(daemon: RunningDaemon) -> None:
    wanted = {"model": "twin", "quantization": "8bit"}
    status, body = daemon.get("/api/v1/quantizations", method="POST", body=wanted)
    assert status in {200, 201, 202}, body
    started = msgspec.json.decode(body)
    while started["state"] == "running":
        status, body = daemon.get(f"/api/v1/quantizations/{started['id']}")
        started = msgspec.json.decode(body)
    assert (started["state"], started.get("error")) == ("done", None)
    assert started["done"] == started["total"] > 0
    status, body = daemon.get("/api/v1/models")
    models = {model["id"]: model for model in msgspec.json.decode(body)["items"]}
    assert models["twin-8bit"]["quantization"] == "8bit"
    assert models["twin-8bit"]["size_bytes"] < models["twin"]["size_bytes"]


def is_of(daemon: RunningDaemon, pid: int, model: str) -> bool:
    status, body = daemon.get("/api/v1/status")
    assert status == 200, body
    workers = msgspec.json.decode(body)["workers"]
    return any(worker["pid"] == pid and worker["model"] == model for worker in workers)


def streamed(daemon: RunningDaemon, body: dict[str, object]) -> Iterator[str]:
    """The pieces of a streamed answer's text."""
    request = urllib.request.Request(
        f"{daemon.base_url}/v1/chat/completions",
        data=msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            choices = msgspec.json.decode(line[6:])["choices"]
            text = choices[0]["delta"].get("content") if choices else None
            if text:
                yield text
