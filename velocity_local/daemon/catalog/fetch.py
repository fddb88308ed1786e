"""GETs from machines elsewhere, whose answers are hostile data. Blocking: for threads.

Redirects are followed by hand and asked about one by one, sizes are bounded, compression is
refused, and a silence ends the wait. Knows nothing of models.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from velocity_local.core.errors import HubError, ModelNotFound
from velocity_local.core.release import RELEASE

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_REDIRECTS = 3
MAX_ANSWER_BYTES = 16 * 1024 * 1024
STALL_TIMEOUT_S = 15.0
PIECE_BYTES = 256 * 1024
"""Most bytes of a piece; what is lost when a process dies is one for each connection."""
_CONNECT_TIMEOUT_S = 10.0
_MAX_RETRY_AFTER_S = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<total>\d{1,18})")


class Interrupted(Exception):
    """No answer, or one that another attempt may better; the message says what was seen."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Incoming(NamedTuple):
    """A file's bytes from `first` on, as they come; `is_whole` if they are not a part of it.

    `total_bytes` is the whole file's size as this answer has it, None if it does not say.
    """

    first: int
    is_whole: bool
    total_bytes: int | None
    etag: str
    pieces: Iterator[bytes]


class Access(NamedTuple):
    """Whom to ask and with what: `check` raises HubError for an address that must not be asked,
    `credentials` has the headers for one, `missing` says what to do about a 401, 403 or 404.
    """

    who: str
    check: Callable[[SplitResult], None]
    credentials: Callable[[SplitResult], dict[str, str]]
    missing: str
    uses_proxy: bool = True


class Fetcher:
    """Every method raises `HubError` for what it must not send or do."""

    def __init__(self, access: Access, *, stall_timeout_s: float = STALL_TIMEOUT_S) -> None:
        self._access = access
        self._stall_timeout_s = stall_timeout_s

    def ask(self, url: str, what: str) -> bytes:
        """The bounded answer at an address; errors call it `what`.

        Raises:
            ModelNotFound: if there is nothing that this user may read.
            Interrupted: if nobody answers.
        """
        with self._get(url, what, {}) as (response, _):
            return _bounded(response, self._access.who)

    @contextmanager
    def open(
        self, url: str, what: str, *, first: int = 0, end: int | None = None
    ) -> Iterator[Incoming]:
        """The bytes from `first` to before `end`, or whatever is sent instead.

        Raises:
            ModelNotFound, Interrupted: also while pieces are read, when they stop coming.
        """
        headers = {}
        if first or end is not None:
            headers["Range"] = f"bytes={first}-{'' if end is None else end - 1}"
        with self._get(url, what, headers) as (response, linked_etag):
            begin, total = _extent(response, self._access.who)
            etag = linked_etag or response.headers.get("etag", "")
            pieces = _pieces(response, self._stall_timeout_s)
            yield Incoming(begin, response.status_code == 200, total, etag, pieces)

    @contextmanager
    def _get(
        self, url: str, what: str, headers: dict[str, str]
    ) -> Iterator[tuple["httpx.Response", str]]:
        """An answer with status 200 or 206, and the ETag that the first one asked gives to it."""
        import httpcore  # noqa: PLC0415 - slow to load, and most daemons never download
        import httpx  # noqa: PLC0415 - as above

        _keep_addresses_out_of_logs()
        _read_large_pieces()
        who = self._access.who
        try:
            with self._client() as client, self._follow(client, url, headers) as answer:
                self._check_status(answer[0], what)
                yield answer
        except (
            httpx.TransportError,
            httpx.StreamError,
            httpcore.TimeoutException,
            httpcore.NetworkError,
        ) as error:
            reason = str(error) or type(error).__name__
            raise Interrupted(f"the connection to {who} broke off ({reason})") from error
        except httpx.InvalidURL as error:
            raise HubError(f"{who} redirects to something that is no address") from error

    @cached_property
    def _tls(self) -> "ssl.SSLContext":
        """The certificates to trust; reading them takes longer than a request on this machine."""
        import httpx  # noqa: PLC0415 - slow to load

        return httpx.create_ssl_context()

    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 - slow to load

        return httpx.Client(
            verify=self._tls,
            timeout=httpx.Timeout(self._stall_timeout_s, connect=_CONNECT_TIMEOUT_S),
            headers={"User-Agent": f"velocity-local/{RELEASE}", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=self._access.uses_proxy,
        )

    @contextmanager
    def _follow(
        self, client: "httpx.Client", url: str, headers: dict[str, str]
    ) -> Iterator[tuple["httpx.Response", str]]:
        who, etag = self._access.who, ""
        for _ in range(MAX_REDIRECTS + 1):
            parts = parsed(url, who)
            self._access.check(parts)
            request_headers = headers | self._access.credentials(parts)
            with client.stream("GET", url, headers=request_headers) as response:
                etag = etag or response.headers.get("x-linked-etag", "")
                if response.status_code not in _REDIRECTS:
                    yield response, etag
                    return
                url = _redirected(url, response.headers.get("location", ""), who)
        raise HubError(f"{who} redirects more than {MAX_REDIRECTS} times")

    def _check_status(self, response: "httpx.Response", what: str) -> None:
        who, status = self._access.who, response.status_code
        if status in {401, 403, 404}:
            raise ModelNotFound(
                f"{who} shows no {what} ({status}); {self._access.missing}", param="model"
            )
        if status in {408, 429} or status >= 500:
            raise Interrupted(f"{who} answered {status}", retry_after_s=_retry_after_s(response))
        if status not in {200, 206}:
            raise HubError(f"{who} answered {status} for {what}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise HubError(f"{who} sends {what} compressed, though it was not asked to")


def parsed(url: str, who: str) -> SplitResult:
    """Raises HubError if it is no address of a host."""
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise HubError(f"{who} redirects to something that is no address") from error
    if not is_address:
        raise HubError(f"{who} redirects to something that is no address")
    return parts


def is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in _LOOPBACK


def origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def _redirected(url: str, location: str, who: str) -> str:
    try:
        return urlsplit(urljoin(url, location)).geturl() if location else ""
    except ValueError as error:
        raise HubError(f"{who} redirects to something that is no address") from error


def _pieces(response: "httpx.Response", stall_timeout_s: float) -> Iterator[bytes]:
    """The body's bytes as they come.

    Where its length is known, all but the first piece are read from the connection itself: on
    their way through httpx bytes are copied three times, which costs half as much as hashing them.
    https://www.encode.io/httpcore/extensions/#network_stream
    """
    through_httpx = response.iter_raw()
    stream = response.extensions.get("network_stream")
    left = _length(response)
    if left is None or stream is None or "transfer-encoding" in response.headers:
        yield from through_httpx
        return
    # What came along with the headers.
    first = next(through_httpx, b"")
    yield first
    left -= len(first)
    while left > 0 and (piece := stream.read(min(PIECE_BYTES, left), timeout=stall_timeout_s)):
        left -= len(piece)
        yield piece


def _length(response: "httpx.Response") -> int | None:
    length = response.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 19 else None


def _extent(response: "httpx.Response", who: str) -> tuple[int, int | None]:
    """Where the answer's bytes begin, and the size of the whole file if it is told."""
    if response.status_code == 200:
        return 0, _length(response)
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if match is None:
        raise HubError(f"{who} sends a part of the file without saying which")
    return int(match["first"]), int(match["total"])


def _bounded(response: "httpx.Response", who: str) -> bytes:
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > MAX_ANSWER_BYTES:
            raise HubError(f"an answer of {who} is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(data)


def _retry_after_s(response: "httpx.Response") -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), _MAX_RETRY_AFTER_S) if text.isdecimal() else None


def _read_large_pieces() -> None:
    """With its own 64 KiB at a time httpcore loses a third of a fast network's speed."""
    import httpcore  # noqa: PLC0415 - comes with httpx

    httpcore.HTTP11Connection.READ_NUM_BYTES = PIECE_BYTES


def _keep_addresses_out_of_logs() -> None:
    """Addresses of a hub's storage are signed: who reads one can use it."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
