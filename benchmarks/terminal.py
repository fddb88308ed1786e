"""The terminal UI in a real terminal (tmux), start to finish, and its daemon killed under it.

    python -m benchmarks.terminal [--kills 20] [--folder FOLDER]

The daemon is a real one with the demo model and a home of its own, started from the UI itself. Each
step waits for what a person would read; the screens are written to the folder as text. Every kill
happens behind a draft, which has to be there after it.
"""

import argparse
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.processes import free_port, new_home, velocity_environment
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import Paths, locate

PATIENCE_S = 120.0
LOOK_S = 0.05
READING_S = 2.0
"""Nobody types into a screen in the moment it opens."""
DRAFT = "a draft that stays"


class Terminal:
    """A tmux server of our own with one window."""

    def __init__(self, socket: str, folder: Path | None) -> None:
        self._command = ["tmux", "-L", socket, "-f", os.devnull]
        self._folder = folder
        self._n_kept = 0

    def open(self, program: Sequence[str], environ: dict[str, str], size: tuple[int, int]) -> None:
        columns, lines = size
        self._tmux(
            *("new-session", "-d", "-x", str(columns), "-y", str(lines)),
            shlex.join(program),
            environ=environ,
        )

    def close(self) -> None:
        self._tmux("kill-server")

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def text(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait_for(self, *pieces: str) -> float:
        """Until all of them are read; how long that took, in seconds."""
        began_s = time.monotonic()
        while not all(piece in (seen := self.text()) for piece in pieces):
            if time.monotonic() - began_s > PATIENCE_S:
                raise SystemExit(f"{pieces} did not come:\n{seen}")
            time.sleep(LOOK_S)
        return time.monotonic() - began_s

    def wait_while(self, piece: str) -> None:
        """Until it is gone."""
        began_s = time.monotonic()
        while piece in (seen := self.text()):
            if time.monotonic() - began_s > PATIENCE_S:
                raise SystemExit(f"{piece} stays:\n{seen}")
            time.sleep(LOOK_S)

    def keep(self, name: str) -> None:
        """Write what is on the screen now."""
        self._n_kept += 1
        if self._folder is not None:
            path = self._folder / f"{self._n_kept:02}-{name}.txt"
            path.write_text(self.text(), encoding="utf-8")

    def _tmux(self, *arguments: str, environ: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [*self._command, *arguments], env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout


@contextmanager
def opened(home: Path, port: int, folder: Path | None, size: tuple[int, int]) -> Iterator[Terminal]:
    """The terminal UI of a user who has never started anything."""
    environ = {
        **velocity_environment(home),
        "VELOCITY_SERVER_PORT": str(port),
        "TERM": "tmux-256color",
        "COLORTERM": "truecolor",
    }
    terminal = Terminal(f"velocity-{secrets.token_hex(4)}", folder)
    terminal.open([sys.executable, "-P", "-m", "velocity_local.cli.main"], environ, size)
    try:
        yield terminal
    finally:
        terminal.close()
        stop = [sys.executable, "-P", "-m", "velocity_local.cli.main", "stop", "--timeout", "20"]
        subprocess.run(stop, env=environ, capture_output=True, check=False)


def start_to_finish(terminal: Terminal) -> None:
    """Every screen, as a person would come by."""
    terminal.wait_for("No daemon", "F9")
    terminal.keep("no-daemon")
    terminal.press("F9")
    terminal.wait_for("Welcome", "Demo model now")
    terminal.keep("welcome")
    terminal.press("d")
    terminal.wait_for("Ask something")
    time.sleep(READING_S)
    terminal.type("Hello!")
    terminal.wait_for("Hello!")
    terminal.press("Enter")
    terminal.wait_for("tok/s")
    terminal.keep("chat")
    terminal.press("M-1")
    terminal.wait_for("Recent requests", "ready")
    terminal.keep("home")
    for key, name, piece in (
        ("3", "models", "catalogue"),
        ("4", "bench", "N measures"),
        ("5", "history", "newest first"),
        ("6", "monitor", "Log of the daemon"),
        ("7", "settings", "server.port"),
    ):
        terminal.press(f"M-{key}")
        terminal.wait_for(piece)
        terminal.keep(name)
    terminal.press("M-4", "n")
    terminal.wait_for("New run", "answer tokens")
    terminal.press("C-s")
    terminal.wait_for("of 40 requests")
    terminal.keep("bench-running")
    terminal.wait_for("kept as")
    terminal.keep("bench-done")


def killed(terminal: Terminal, paths: Paths, n_kills: int) -> list[tuple[float, float]]:
    """Seconds until each death was told, and from the start of a new daemon until it was found."""
    terminal.press("M-2")
    terminal.type(DRAFT)
    terminal.wait_for(DRAFT)
    found = []
    for _ in range(n_kills):
        record = LocalDaemon(paths).record()
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        noticed_s = terminal.wait_for("no daemon", DRAFT)
        terminal.press("F9")
        found.append((noticed_s, terminal.wait_for("● 127.0.0.1", DRAFT)))
    terminal.keep("after-kills")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where to write the screens")
    parser.add_argument("--size", default="120x40", help="columns and lines of the terminal")
    arguments = parser.parse_args()
    if shutil.which("tmux") is None:
        raise SystemExit("this needs tmux")
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    columns, _, lines = arguments.size.partition("x")
    with new_home() as home:
        paths = locate(velocity_environment(home))
        size = (int(columns), int(lines))
        with opened(home, free_port(), arguments.folder, size) as terminal:
            start_to_finish(terminal)
            sys.stdout.write("start to finish: every screen came\n")
            deaths = killed(terminal, paths, arguments.kills)
    if deaths:
        noticed, back = zip(*deaths, strict=True)
        sys.stdout.write(
            f"{len(deaths)} kills: told after {median(noticed):.2f} s (most {max(noticed):.2f}),"
            f" a new daemon started and found after {median(back):.2f} s (most {max(back):.2f}),"
            " the draft was there each time\n"
        )


if __name__ == "__main__":
    main()
