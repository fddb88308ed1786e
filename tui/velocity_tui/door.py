"""The daemon this session is about: the user's own, which it may start, or one elsewhere."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from velocity_local.client.daemon import LocalDaemon
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient

_START = [sys.executable, "-P", "-m", "velocity_local.cli.main", "start", "--no-wait", "--quiet"]
_START_TIMEOUT_S = 150.0


class StartFailed(ClientError):
    """The daemon could not be started; the message is what it said."""


class Door(Protocol):
    """How the daemon is reached. Both methods block."""

    @property
    def is_own(self) -> bool:
        """Whether it is the user's, on this machine: to be started and configured from here."""
        ...

    @property
    def where(self) -> str:
        """How to name it while it cannot be asked."""
        ...

    def connect(self) -> HttpClient | None:
        """A client for the daemon; None while it does not run.

        Raises:
            ConfigError: if its token cannot be read.
        """
        ...

    def start(self) -> None:
        """Return once it listens; fine if it runs already.

        Raises:
            StartFailed: with the reason.
        """
        ...


@dataclass(frozen=True, slots=True)
class OwnDaemon:
    """The user's own daemon, wherever it listens at the moment."""

    local: LocalDaemon
    environ: Mapping[str, str]

    @property
    def is_own(self) -> bool:
        return True

    @property
    def where(self) -> str:
        return "this machine"

    def connect(self) -> HttpClient | None:
        record = self.local.record()
        return None if record is None else self.local.client(record)

    def start(self) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter with our own module
                _START,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_START_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"the start takes longer than {_START_TIMEOUT_S:.0f} s") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise StartFailed(said or f"the start ended with status {done.returncode}")


@dataclass(frozen=True, slots=True)
class RemoteDaemon:
    """A daemon at an address; `secret` is its token, or an API key of it."""

    base_url: str
    secret: str | None

    @property
    def is_own(self) -> bool:
        return False

    @property
    def where(self) -> str:
        return self.base_url

    def connect(self) -> HttpClient | None:
        return HttpClient(self.base_url, secret=self.secret)

    def start(self) -> None:
        raise StartFailed(f"{self.base_url} is another machine's; start it there")
