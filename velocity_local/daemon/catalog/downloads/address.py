"""A GGUF file at an address that is no hub's: fetched if its SHA-256 is given along.

The address is a user's, the machine behind it nobody's friend: https alone, also after redirects,
and only hosts of the public network, so that no daemon asks its own network for somebody else.
A certificate for the name is wanted after that, so a name that is resolved otherwise a moment later
gains nothing.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import SplitResult, unquote, urlsplit

from velocity_local.core.downloads import Variant
from velocity_local.core.errors import HubError, InvalidRequest
from velocity_local.daemon.catalog.downloads.reference import is_safe_path
from velocity_local.daemon.catalog.fetch import (
    STALL_TIMEOUT_S,
    Access,
    Fetcher,
    Incoming,
    Interrupted,
)
from velocity_local.daemon.catalog.files import SUFFIX, split_of
from velocity_local.daemon.catalog.hub import HubFile, Repository

MAX_URL_CHARS = 4096
_MISSING = "look at the address in a browser"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")

Check = Callable[[SplitResult], None]


class Address:
    """One file's address. Implements `source.Source` for the repository of `described`."""

    def __init__(
        self,
        url: str,
        *,
        check: Check | None = None,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        """`check` raises HubError for what must not be asked; the public network may, by default.

        Raises:
            InvalidRequest: if it is no address of a GGUF file.
        """
        self.url = url
        parts = _parsed(url)
        self.host = (parts.hostname or "").casefold()
        self.file_name = unquote(parts.path).rpartition("/")[2]
        self._check_name()
        self._fetcher = Fetcher(
            Access(self.host, check or check_public, lambda _: {}, _MISSING),
            stall_timeout_s=stall_timeout_s,
        )

    def described(self, sha256: str) -> tuple[Repository, Variant]:
        """The file as if its host were a repository. Blocking: asks for its size.

        Raises:
            InvalidRequest: if that is no SHA-256.
            HubError: if the host must not be asked, or does not tell the size.
            ModelNotFound, Interrupted: as `Fetcher.open`.
        """
        digest = sha256.strip().casefold()
        if _SHA256.fullmatch(digest) is None:
            raise InvalidRequest(
                f"{sha256[:80]!r} is no SHA-256; 64 hexadecimal digits expected", param="sha256"
            )
        with self._fetcher.open(self.url, self.file_name, first=0, end=1) as incoming:
            size_bytes = incoming.total_bytes
        if not size_bytes:
            raise HubError(f"{self.host} does not tell how large {self.file_name} is")
        file = HubFile(self.file_name, size_bytes, f"sha256:{digest}")
        return Repository(self.host, "", (file,)), Variant("", (self.file_name,), size_bytes)

    def open(
        self,
        repository: Repository,  # noqa: ARG002 - the port has it; here there is one file
        file: HubFile,
        *,
        first: int = 0,
        end: int | None = None,
    ) -> AbstractContextManager[Incoming]:
        """As `Source.open`."""
        return self._fetcher.open(self.url, file.path, first=first, end=end)

    def _check_name(self) -> None:
        if _HOST.fullmatch(self.host) is None or not is_safe_path(self.host):
            raise InvalidRequest(f"{self.host[:80]!r} is no name of a host", param="model")
        is_model = self.file_name.lower().endswith(SUFFIX) and is_safe_path(self.file_name)
        if not is_model or split_of(self.file_name[: -len(SUFFIX)]) is not None:
            raise InvalidRequest(
                f"{self.file_name[:80]!r} cannot be pulled from an address; a {SUFFIX} file that is"
                " a whole model can. Fetch what you need yourself, and pull its path",
                param="model",
            )


def is_address(text: str) -> bool:
    """Whether it is to be taken for an address, of a hub or not."""
    return "://" in text[:MAX_URL_CHARS]


def check_public(parts: SplitResult) -> None:
    """Raises HubError unless it is https to a host of the public network, Interrupted if that
    cannot be told now.
    """
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.username or parts.password:
        raise HubError(f"{host} is not asked over {parts.scheme}; only https without a password is")
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Interrupted(f"{host} cannot be found ({error})") from error
    for *_, where in found:
        if not _is_public(str(where[0])):
            raise HubError(
                f"{host} is at {where[0]}, which is not in the public network; fetch the file"
                " yourself, and pull its path"
            )


def _is_public(address: str) -> bool:
    """Also of the IPv4 address that an IPv6 one may carry (mapped, 6to4, NAT64)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        carried = found.ipv4_mapped or found.sixtofour
        if carried is None and found in _NAT64:
            carried = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if carried is not None:
            return carried.is_global
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise InvalidRequest(f"{url[:120]!r} is no address", param="model") from error
    if not has_host or len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable():
        raise InvalidRequest(f"{url[:120]!r} is no address", param="model")
    return parts
