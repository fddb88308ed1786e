"""What a daemon keeps of prompts, told over its API, before and after it was started again."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.daemon import RunningDaemon, running_daemon

pytestmark = pytest.mark.process

SYSTEM = {"role": "system", "content": "You tell stories of foxes and owls. " * 8}
FLAGS = ("--set", "engine.n_threads=1")


def said(daemon: RunningDaemon, path: str, body: object = None) -> Any:
    method = "GET" if body is None else "POST"
    status, answer = daemon.get(path, method=method, body=body)
    assert status == 200, answer
    return msgspec.json.decode(answer)


def ask(daemon: RunningDaemon, question: str) -> int:
    """How many tokens of the prompt were not computed."""
    messages = [SYSTEM, {"role": "user", "content": question}]
    body = {"model": "demo", "messages": messages, "max_tokens": 8, "temperature": 0}
    usage = said(daemon, "/v1/chat/completions", body)["usage"]
    return int(usage["prompt_tokens_details"]["cached_tokens"])


def explained(daemon: RunningDaemon, question: str, **more: object) -> Any:
    messages = [SYSTEM, {"role": "user", "content": question}]
    return said(daemon, "/api/v1/cache/explain", {"model": "demo", "messages": messages, **more})


def test_prompts_are_told_and_survive_a_restart(tmp_path: Path) -> None:
    with running_daemon(tmp_path, *FLAGS) as daemon:
        daemon.wait_ready()
        assert ask(daemon, "Tell me of the owl.") == 0
        kept = said(daemon, "/api/v1/cache/kv")
        assert [entry["tier"] for entry in kept["items"][0]["entries"]] == ["device"]
        assert "stories of foxes" in kept["items"][0]["entries"][0]["begins"]
    with running_daemon(tmp_path, *FLAGS) as daemon:
        daemon.wait_ready()
        kept = said(daemon, "/api/v1/cache/kv")
        assert "disk" in [entry["tier"] for entry in kept["items"][0]["entries"]]
        assert 0 < kept["disk_bytes"] < kept["disk_limit_bytes"]
        assert ask(daemon, "Tell me of the fox.") >= 60
        status, answer = daemon.get("/api/v1/cache/kv", method="DELETE")
        assert status == 200, answer
        assert said(daemon, "/api/v1/cache/kv")["items"][0]["entries"] == []
        assert ask(daemon, "Tell me of the fox.") == 0


def test_where_a_prompt_parts_is_explained(tmp_path: Path) -> None:
    with running_daemon(tmp_path, *FLAGS) as daemon:
        daemon.wait_ready()
        assert "no prompt that begins like it" in explained(daemon, "Tell me of the owl.")["reason"]
        ask(daemon, "Tell me of the owl.")
        told = explained(daemon, "Tell me of the fox.")
        match = told["match"]
        assert match["tier"] == "device"
        assert match["before"].endswith("Tell me of the")
        assert match["yours"].startswith(" fox")
        assert match["theirs"].startswith(" owl")
        assert match["n_reusable"] == match["n_shared"] == ask(daemon, "Tell me of the fox.")
        compared = explained(daemon, "Why?", other={"prompt": "Something else"})
        assert compared["match"]["tier"] is None
        assert "share" in compared["reason"]


@pytest.mark.parametrize(
    "body", [{"model": "demo"}, {"model": "demo", "prompt": "a", "messages": []}, {"prompt": "a"}]
)
def test_a_question_without_a_prompt_is_refused(body: object, tmp_path: Path) -> None:
    with running_daemon(tmp_path, *FLAGS) as daemon:
        daemon.wait_ready()
        status, answer = daemon.get("/api/v1/cache/explain", method="POST", body=body)
        assert status == 400, answer
