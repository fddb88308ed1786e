"""Our own command line as another program, for what must not share this one's processor time.

Figures measured inside the process that draws the screen would hold the drawing.
"""

import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from velocity_local.client.errors import ClientError
from velocity_tui.bench import Ended, Event

COMMAND = [sys.executable, "-P", "-m", "velocity_local.cli.main"]
TIMEOUT_S = 60.0
_MARK = "error: "
T = TypeVar("T")


class CommandFailed(ClientError):
    """The message is what the command said."""


def said(arguments: Sequence[str], environ: Mapping[str, str], *, within_s: float) -> bytes:
    """The command's output; blocks until it has ended.

    Raises:
        CommandFailed: if it failed, or takes longer than `within_s`.
    """
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter with our own module
            [*COMMAND, *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{arguments[0]} takes longer than {within_s:.0f} s") from error
    if done.returncode != 0:
        raise CommandFailed(_complaint(done.stderr, done.returncode))
    return done.stdout


def told(arguments: Sequence[str], environ: Mapping[str, str], type_: type[T]) -> T:
    """The document that the command prints.

    Raises:
        CommandFailed: if it failed, or prints something else.
    """
    data = said([*arguments, "--json"], environ, within_s=TIMEOUT_S)
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError as error:
        raise CommandFailed(f"what {' '.join(arguments[:2])} prints is not understood") from error


class Measuring:
    """A run on its way. It begins at once, and ends early if this program does."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._events: deque[Event] = deque()
        self._failure: str | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the thread
        self._process = subprocess.Popen(  # noqa: S603 - as above
            [*COMMAND, "lens", "run", "--events", *arguments],
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        threading.Thread(target=self._receive, name="measuring", daemon=True).start()

    def take(self) -> tuple[list[Event], str | None]:
        """The events since the last look; once it is over also why it failed, empty if not."""
        failure = self._failure  # before the events: none is added once it is set
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events, failure

    def stop(self) -> None:
        """End the run early; what it has measured is kept. May be called again."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        failure, has_ended = "", False
        with self._process.stdout as lines, self._complaints:
            for line in lines:
                try:
                    event = msgspec.json.decode(line, type=Event)
                except msgspec.DecodeError:
                    failure = "what the run tells is not understood"
                    continue
                self._events.append(event)
                has_ended = has_ended or isinstance(event, Ended)
            status = self._process.wait()
            self.stop()
            self._complaints.seek(0)
            stderr = self._complaints.read()
        if not failure and (stderr.strip() or not has_ended):
            failure = _complaint(stderr, status)
        self._failure = failure


def _complaint(stderr: bytes, status: int) -> str:
    """What the command said was wrong, and its advice."""
    text = stderr.decode(errors="replace").strip()
    _, _, behind = text.rpartition(_MARK)
    return " ".join((behind or text).split()) or f"it ended with status {status}"
