"""A new user's walk from "which model" to two of them in turns, with real commands and daemons.

    python -m benchmarks.walk                     prints it
    python -m benchmarks.walk --write             puts it into docs/models-walk.md

The hub is on this machine and holds the shipped demo under other names; the daemon is killed twice
while it downloads. Every line after a `$` is a command that was run, what follows is what it said.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.hub import LocalHub, local_hub
from velocity_local.config.paths import data_root, locate
from velocity_local.config.runtime import read_record

_PAGE = Path(__file__).parent.parent / "docs" / "models-walk.md"
_CHAT, _CODER = "learner/tiny-chat-GGUF", "learner/tiny-coder-GGUF"
_MODEL = f"{_CHAT}/tiny-chat-F16"
_PATIENCE_S = 120.0
_SLOW_S = 0.05
_HOME = "~/.velocity"
_HEAD = """# A walk: from a search to two models in turns

Written by `python -m benchmarks.walk --write`: real commands against a hub on this machine that
holds the shipped demo model under other names, slowed down so that there is time to kill the daemon
twice. `fleet.max_loaded_models=1` stands for a machine that holds one model at a time.

"""


class Walk:
    """Types commands for one user, and notes what they say."""

    def __init__(self, home: Path, hub: LocalHub) -> None:
        self._environ = {
            **os.environ,
            "VELOCITY_HOME": str(home),
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(home / "none"),
            "COLUMNS": "110",
        }
        self._home = home
        self._hub = hub
        self.page: list[str] = []

    def say(self, text: str) -> None:
        """A sentence between the commands."""
        self.page.append(f"{text}\n")

    def type(self, *arguments: str, is_shown: bool = True) -> str:
        """Run a command; what it printed."""
        done = subprocess.run(
            self._command(*arguments),
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if is_shown:
            self._note(arguments, done.stdout, done.returncode)
        return done.stdout

    def kill_while_pulling(self, *arguments: str, at_bytes: int) -> None:
        """Run a command, and kill the daemon once the hub has sent so much since now."""
        before = self._hub.sent_bytes
        with subprocess.Popen(
            self._command(*arguments),
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as looking_on:
            deadline_s = time.monotonic() + _PATIENCE_S
            while self._hub.sent_bytes - before < at_bytes:
                assert time.monotonic() < deadline_s, "the hub is asked for nothing"
                threading.Event().wait(0.02)
            self.kill()
            said, _ = looking_on.communicate(timeout=_PATIENCE_S)
        self._note(arguments, said, looking_on.returncode)

    def kill(self) -> None:
        record = read_record(locate(self._environ).daemon_file)
        assert record is not None, "no daemon runs"
        os.kill(record.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "velocity_local.cli.main", *arguments]

    def _note(self, arguments: tuple[str, ...], said: str, status: int) -> None:
        shown = " ".join(f'"{word}"' if " " in word else word for word in arguments)
        ending = f"(exit code {status})\n" if status else ""
        body = f"$ velocity-local {shown}\n{said.rstrip()}\n{ending}"
        self.page.append(f"```console\n{self._plain(body)}```\n")

    def _plain(self, text: str) -> str:
        """Without the paths, ports and process ids of this machine."""
        home = str(self._home)
        text = text.replace(home, _HOME).replace(self._hub.url, "https://hub")
        # The column of paths became narrower.
        text = text.replace("FILE" + " " * (len(home) - len(_HOME)), "FILE")
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8621", text)
        return re.sub(r"(?i)\bpid \d+", "pid 4242", text)


def walk(user: Walk, hub: LocalHub) -> None:
    """From the search to the reason of an eviction."""
    settings = ("--set", "fleet.preload=", "--set", "fleet.max_loaded_models=1")
    start = ("start", "--port", "0", "--no-wait", *settings)
    user.type(*start, is_shown=False)
    user.say("What is there, and does it fit this machine? The verdict needs no download.")
    user.type("search", "tiny")
    user.type("pull", _CHAT)
    user.say("The daemon is killed on the way. Nothing is lost, and nothing has to be remembered.")
    hub.faults.piece_delay_s = _SLOW_S
    user.kill_while_pulling("pull", f"{_CHAT}:F16", at_bytes=2_000_000)
    user.type(*start, is_shown=False)
    user.say("The next daemon goes on by itself:")
    user.type("downloads")
    user.say("It is killed once more, and the third one brings the rest.")
    user.kill_while_pulling("pull", f"{_CHAT}:F16", at_bytes=2_000_000)
    hub.faults.piece_delay_s = 0.0
    user.type(*start, is_shown=False)
    user.type("pull", f"{_CHAT}:F16")
    user.say(f"The hub sent {hub.sent_bytes} bytes in all.")
    user.type("verify", _MODEL)
    user.type("fit", _MODEL)
    user.type("run", _MODEL, "Tell me something.", "--max-tokens", "24", "--temperature", "0")
    user.type("ps")
    user.say("A second model, on a machine that holds one at a time:")
    user.type("pull", f"{_CODER}:F16")
    user.type("run", "tiny-coder-F16", "Hello!", "--max-tokens", "12", "--temperature", "0")
    user.say("What became of the first one, and why:")
    user.type("ps")
    user.type("events")
    user.type("history", "list")


@contextmanager
def _hub() -> Iterator[LocalHub]:
    demo = (data_root() / "demo" / "velocity-demo-f16.gguf").read_bytes()
    with local_hub() as hub:
        hub.put(
            _CHAT, **{"tiny-chat-F16.gguf": demo, "tiny-chat-Q8_0.gguf": demo[: len(demo) // 2]}
        )
        hub.put(_CODER, **{"tiny-coder-F16.gguf": demo})
        yield hub


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"into {_PAGE.name}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _hub() as hub:
        user = Walk(Path(folder), hub)
        try:
            walk(user, hub)
        finally:
            user.type("stop", is_shown=False)
    page = _HEAD + "\n".join(user.page)
    if asked.write:
        _PAGE.write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
