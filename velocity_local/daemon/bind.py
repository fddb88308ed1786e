"""Which address to listen on: nobody is let in from outside this machine by accident."""

import ipaddress

from velocity_local.config.errors import ConfigError
from velocity_local.config.settings import ServerSettings


def check_bind(server: ServerSettings, *, has_keys: bool) -> None:
    """Accept a loopback address, or another one if that was asked for and keys protect it.

    Raises:
        ConfigError: telling what is missing.
    """
    if is_loopback(server.host):
        return
    if not server.allow_remote:
        raise ConfigError(
            f"server.host is {server.host!r}, which other machines can reach; "
            "set server.allow_remote = true if that is meant, or use 127.0.0.1"
        )
    if not has_keys:
        raise ConfigError(
            f"server.host is {server.host!r}, which other machines can reach, and there is no "
            "API key; make one first: velocity-local keys create NAME"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`; a name other than localhost is taken as not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reachable_host(host: str) -> str:
    """`host` as a URL has it; a wildcard is reached as this machine."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound
    host = wildcards.get(host, host).strip("[]")
    return f"[{host}]" if ":" in host else host
