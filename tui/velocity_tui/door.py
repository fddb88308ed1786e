"""The daemon this session is about: the user's own, which it may start, or one elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from velocity_local.client.daemon import LocalDaemon
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient
from velocity_tui import programs
from velocity_tui.programs import CommandFailed

_START = ("start", "--no-wait", "--quiet")
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

    @property
    def environ(self) -> Mapping[str, str]:
        """Where another program of ours finds the same daemon."""
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
            programs.said(_START, self.environ, within_s=_START_TIMEOUT_S)
        except CommandFailed as error:
            raise StartFailed(str(error)) from error


@dataclass(frozen=True, slots=True)
class RemoteDaemon:
    """A daemon at an address; `secret` is its token, or an API key of it."""

    base_url: str
    secret: str | None
    surroundings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        return False

    @property
    def environ(self) -> Mapping[str, str]:
        secret = {} if self.secret is None else {"VELOCITY_API_KEY": self.secret}
        return {**self.surroundings, "VELOCITY_HOST": self.base_url, **secret}

    @property
    def where(self) -> str:
        return self.base_url

    def connect(self) -> HttpClient | None:
        return HttpClient(self.base_url, secret=self.secret)

    def start(self) -> None:
        raise StartFailed(f"{self.base_url} is another machine's; start it there")
