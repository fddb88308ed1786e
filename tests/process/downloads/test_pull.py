"""The command, a daemon, and a hub on this machine: a new user's walk, and a kill on the way."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.cli.shell import Shell, shell_in
from tests.process.downloads.parts import here_bytes
from tests.shape.tree import ROOT
from tests.support.hub import LocalHub, local_hub
from velocity_local.config.paths import locate
from velocity_local.config.runtime import read_record

pytestmark = pytest.mark.process
REPOSITORY = "owner/demo-GGUF"
MODEL = f"{REPOSITORY}/copy-F16"
TOKEN = "hf_canary0123456789abcdef"
HELD_BYTES = 2 * 1024 * 1024
PATIENCE_S = 60.0


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as running:
        demo = (ROOT / "models" / "demo" / "velocity-demo-f16.gguf").read_bytes()
        running.put(REPOSITORY, **{"copy-F16.gguf": demo, "copy-Q8_0.gguf": b"no model"})
        yield running


@pytest.fixture
def shell(tmp_path: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with shell_in(tmp_path / "home") as typed:
        start(typed)
        yield typed


def start(shell: Shell) -> None:
    ran = shell.run("start", "--port", "0", "--set", "fleet.preload=")
    assert ran.status == 0, ran.err


def files(shell: Shell) -> list[str]:
    return sorted(path.name for path in (shell.home / "models").rglob("[!.]*") if path.is_file())


def test_a_model_is_chosen_pulled_listed_and_run(shell: Shell, hub: LocalHub) -> None:
    choices = shell.run("pull", REPOSITORY)
    assert (choices.status, "F16" in choices.out) == (2, True)
    pulled = shell.run("pull", f"{REPOSITORY}:f16")
    assert (pulled.status, pulled.out) == (0, f"{MODEL}\n"), pulled.err
    assert MODEL in shell.run("list", "--ids").out.split()
    ran = shell.run("run", MODEL, "Hello!", "--temperature", "0", "--max-tokens", "8")
    assert (ran.status, bool(ran.out.strip())) == (0, True), ran.err
    logs = "".join(path.read_text() for path in (shell.home / "logs").rglob("*.log"))
    assert "download" in logs
    assert TOKEN not in logs
    assert "secret-signature" not in logs


def test_a_kill_of_the_daemon_costs_no_byte_twice(shell: Shell, hub: LocalHub) -> None:
    hub.faults.hold_after = HELD_BYTES
    looking_on = shell.open("pull", f"{REPOSITORY}:F16")
    part = shell.home / "models" / REPOSITORY / "copy-F16.gguf.part"
    deadline_s = time.monotonic() + PATIENCE_S
    while here_bytes(part) < HELD_BYTES:
        assert time.monotonic() < deadline_s, files(shell)
        time.sleep(0.01)
    record = read_record(locate(shell.environ).daemon_file)
    assert record is not None
    os.kill(record.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert looking_on.wait(PATIENCE_S) == 3
    _, told = looking_on.communicate()
    assert "goes on by itself" in told
    assert files(shell) == ["copy-F16.gguf.part", "copy-F16.gguf.part.json"]
    hub.faults.hold_after = None
    hub.released.set()
    start(shell)
    again = shell.run("pull", f"{REPOSITORY}:F16", "--json")
    assert again.status == 0, again.err
    assert again.document["download"]["state"] == "done"
    assert files(shell) == ["copy-F16.gguf"]
    assert hub.storage[-1].first_byte == HELD_BYTES


def test_looking_on_can_be_left_and_the_download_goes_on(shell: Shell, hub: LocalHub) -> None:
    hub.faults.hold_after = HELD_BYTES
    looking_on = shell.open("pull", f"{REPOSITORY}:F16")
    assert hub.held.wait(PATIENCE_S)
    looking_on.send_signal(signal.SIGINT)
    assert looking_on.wait(PATIENCE_S) == 130
    _, told = looking_on.communicate()
    assert "velocity-local pull --cancel dl_" in told
    hub.released.set()
    assert shell.run("pull", f"{REPOSITORY}:F16").status == 0
    assert len(hub.storage) == 1
