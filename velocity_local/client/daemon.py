"""Where the daemon is: the user's own, or one at an address that was given."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from velocity_local.client.http import HttpClient
from velocity_local.config.paths import Paths
from velocity_local.config.runtime import DaemonRecord, InstanceLock, read_record
from velocity_local.config.secrets import read_token
from velocity_local.config.settings import DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class LocalDaemon:
    """What can be known of this user's daemon without asking it."""

    paths: Paths

    def is_running(self) -> bool:
        """Whether a daemon lives, starting or serving: the kernel's lock says so."""
        return InstanceLock(self.paths.lock_file).is_held_elsewhere()

    def holder_pid(self) -> int | None:
        """The process of the running daemon, also of one that listens nowhere."""
        return InstanceLock(self.paths.lock_file).holder_pid()

    def record(self) -> DaemonRecord | None:
        """Where the running daemon listens; None if none runs or it does not listen yet."""
        if not self.is_running():
            return None
        return read_record(self.paths.daemon_file)

    def client(self, record: DaemonRecord) -> HttpClient:
        """A client that may use management routes, for the daemon in `record`."""
        return HttpClient(record.base_url, secret=read_token(self.paths.token_file))


def parse_address(text: str) -> str:
    """The base URL of `text`: an http(s) URL, or host, or host:port.

    Raises:
        ValueError: saying what is wrong with it.
    """
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r}: the port must be between 0 and 65535") from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"{text!r}: the address must begin with http:// or https://")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is no address; write http://HOST:PORT")
    if port is None and parts.scheme == "http":
        port = DEFAULT_PORT
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"
