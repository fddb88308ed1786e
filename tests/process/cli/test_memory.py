"""fit, load, pin and unload, against a real daemon: what is promised is what is taken."""

import json
from collections.abc import Iterator

import pytest

from tests.process.cli.shell import Shell, shell_in
from tests.support import tiny_models
from tests.support.websocket import connected

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    home = tmp_path_factory.mktemp("memory")
    with shell_in(home) as typed:
        (home / "models").mkdir()
        tiny_models.write_sliding_window(home / "models" / "tiny.gguf")
        assert typed.run("start", "--port", "0", "--json").status == 0
        yield typed


def test_the_verdict_is_within_a_tenth_of_the_load(shell: Shell) -> None:
    before = shell.run("fit", "tiny", "--json").document["fit"]
    assert (before["verdict"], before["need"]["source"]) == ("cpu", "dry run")
    need = before["need"]
    promised = need["weights_bytes"] + need["kv_bytes"] + need["compute_bytes"]
    taken = shell.run("load", "tiny", "--json").document["model"]["memory_bytes"]
    assert abs(promised - taken) <= taken / 10
    assert shell.run("fit", "tiny", "--json").document["fit"]["need"]["source"] == "loaded"


def test_it_is_told_in_words(shell: Shell) -> None:
    told = shell.run("fit", "demo", "--ctx", "2048", "--parallel", "4")
    assert told.status == 0
    for word in ("fits", "KV cache", "2048 tokens", "largest context", "best quantization"):
        assert word in told.out


def test_what_does_not_fit_ends_with_5_and_its_numbers(shell: Shell) -> None:
    asked = shell.run("fit", "tiny", "--ctx", "1000000000")
    assert asked.status == 5
    assert "does not fit" in asked.out
    assert "more would be needed of" in asked.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fit", "demo", "--ctx", "0"), "'0' is no whole number from 1 to"),
        (("fit", "demo", "--parallel", "x"), "'x' is no whole number from 1 to 256"),
        (("load", "demo", "--keep-alive", "-5"), "'-5' is no number of seconds"),
        (("load", "demo", "--keep-alive", "nan"), "'nan' is no number of seconds"),
    ],
)
def test_numbers_out_of_bounds_are_named(shell: Shell, words: tuple[str, ...], told: str) -> None:
    asked = shell.run(*words)
    assert asked.status == 2
    assert told in asked.err


def test_a_pinned_model_is_shown_and_let_go(shell: Shell) -> None:
    assert "pinned" in shell.run("pin", "demo").out
    assert shell.run("show", "demo", "--json").document["model"]["is_pinned"]
    assert "pinned" not in shell.run("unpin", "demo").out


def test_unloading_drains_and_loading_may_say_how_long(shell: Shell) -> None:
    assert "unloaded" in shell.run("unload", "tiny").out
    assert "ready" in shell.run("load", "tiny", "--keep-alive", "3600").out


def test_what_was_said_of_models_holds_after_a_restart(shell: Shell) -> None:
    shell.run("load", "tiny", "--keep-alive", "3600")
    shell.run("pin", "demo")
    assert shell.run("stop").status == 0
    assert shell.run("start", "--port", "0").status == 0
    tiny = shell.run("show", "tiny", "--json").document["model"]
    assert (tiny["state"], tiny["keep_alive_s"]) == ("unloaded", 3600)
    assert "pinned" in shell.run("show", "demo").out
    demo, *others = shell.run("ps", "--json").document["models"]
    assert (demo["model"], demo["is_pinned"], others) == ("demo", True, [])
    assert "pinned" in shell.run("ps").out


def test_an_unknown_model_is_not_found(shell: Shell) -> None:
    for verb in ("fit", "load", "pin"):
        assert shell.run(verb, "nobody").status == 4


async def test_telemetry_is_pushed_by_the_running_daemon(shell: Shell) -> None:
    daemon = shell.run("status", "--json").document["daemon"]
    token = (shell.home / "state" / "token").read_text().strip()
    path = "/api/v1/telemetry/live?period_s=0.2"
    async with connected(daemon["port"], path, {"Authorization": f"Bearer {token}"}) as socket:
        first, second = json.loads(await socket.text()), json.loads(await socket.text())
    models = {process["model"] for process in second["processes"]}
    assert {"", "demo"} <= models
    assert first["memory"]["total_bytes"] == second["memory"]["total_bytes"] > 0
