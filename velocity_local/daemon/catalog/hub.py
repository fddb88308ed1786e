"""Asks a model hub what a repository holds, and for its bytes. Blocking: for threads.

Speaks the part of the Hugging Face hub's HTTP API that downloads need: `GET
/api/models/REPO/revision/main?blobs=true` and `GET /REPO/resolve/COMMIT/PATH`
(https://huggingface.co/docs/hub/api). What comes back is not trusted: redirects are followed by
hand, the token stays with the hub's own origin, and sizes are bounded.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import msgspec

from velocity_local.config.hub import HubAccess
from velocity_local.core.errors import HubError, ModelNotFound
from velocity_local.core.release import RELEASE
from velocity_local.daemon.catalog.downloads.digests import is_digest

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
_MAX_FILE_BYTES = 2**46
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d{1,18})-(?P<last>\d{1,18})/(?P<total>\d{1,18})")


class Interrupted(Exception):
    """No answer, or one that another attempt may better; the message says what was seen."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class HubFile(NamedTuple):
    """A file of a repository: its path there, its size and its digest as the hub promises them.

    `digest` is `sha256:HEX`, or `git:HEX` for a file that the repository keeps itself.
    """

    path: str
    size_bytes: int
    digest: str


class Repository(NamedTuple):
    """A repository at one commit. Files without a hash are left out: nobody could verify them."""

    id: str
    revision: str
    files: tuple[HubFile, ...]


class Incoming(NamedTuple):
    """A file's bytes from `first` on, as they come; `is_whole` if they are not a part of it.

    `total_bytes` is the whole file's size as this answer has it, None if it does not say.
    """

    first: int
    is_whole: bool
    total_bytes: int | None
    etag: str
    pieces: Iterator[bytes]


class _Lfs(msgspec.Struct):
    sha256: str
    size: int


class _Sibling(msgspec.Struct, rename="camel"):
    rfilename: str
    size: int | None = None
    blob_id: str | None = None
    lfs: _Lfs | None = None


class _Model(msgspec.Struct):
    sha: str
    siblings: tuple[_Sibling, ...] = ()


class Hub:
    """One hub. Every method raises `HubError` for what it must not send or do."""

    def __init__(self, access: HubAccess, *, stall_timeout_s: float = STALL_TIMEOUT_S) -> None:
        self._access = access
        self._stall_timeout_s = stall_timeout_s

    def repository(self, name: str) -> Repository:
        """What the repository OWNER/NAME holds now.

        Raises:
            ModelNotFound: if there is none that this user may read.
            Interrupted: if the hub does not answer.
        """
        path = f"/api/models/{quote(name)}/revision/main?blobs=true"
        data = self.ask(path, name)
        try:
            model = msgspec.json.decode(data, type=_Model)
        except msgspec.DecodeError as error:
            raise HubError(f"the hub's answer about {name} is not understood: {error}") from error
        if not _COMMIT.fullmatch(model.sha):
            raise HubError(f"the hub names no commit of {name}")
        files = (_file(sibling) for sibling in model.siblings)
        return Repository(name, model.sha, tuple(file for file in files if file is not None))

    def ask(self, path: str, what: str) -> bytes:
        """The bounded answer of the hub's API at `path`; errors call it `what`.

        Raises:
            ModelNotFound, Interrupted: as `repository`.
        """
        with self._get(path, what, {}) as (response, _):
            return _bounded(response)

    @contextmanager
    def open(
        self, repository: Repository, file: HubFile, *, first: int = 0, end: int | None = None
    ) -> Iterator[Incoming]:
        """The file's bytes from `first` to before `end`, or whatever the hub sends instead.

        Raises:
            Interrupted: also while pieces are read, when they stop coming.
        """
        path = f"/{quote(repository.id)}/resolve/{repository.revision}/{quote(file.path)}"
        headers = {}
        if first or end is not None:
            headers["Range"] = f"bytes={first}-{'' if end is None else end - 1}"
        with self._get(path, repository.id, headers) as (response, linked_etag):
            begin, total = _extent(response)
            etag = linked_etag or response.headers.get("etag", "")
            yield Incoming(begin, response.status_code == 200, total, etag, response.iter_raw())

    @contextmanager
    def _get(
        self, path: str, name: str, headers: dict[str, str]
    ) -> Iterator[tuple["httpx.Response", str]]:
        """An answer with status 200 or 206, and the ETag that the hub itself gives to the file."""
        import httpx  # noqa: PLC0415 - slow to load, and most daemons never download

        _keep_addresses_out_of_logs()
        _read_large_pieces()
        try:
            with self._client() as client, self._follow(client, path, headers) as answer:
                _check_status(answer[0], name)
                yield answer
        except (httpx.TransportError, httpx.StreamError) as error:
            reason = str(error) or type(error).__name__
            raise Interrupted(f"the connection to the hub broke off ({reason})") from error
        except httpx.InvalidURL as error:
            raise HubError("the hub redirects to something that is no address") from error

    @cached_property
    def _tls(self) -> "ssl.SSLContext":
        """The certificates to trust; reading them takes longer than a request on this machine."""
        import httpx  # noqa: PLC0415 - slow to load

        return httpx.create_ssl_context()

    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 - slow to load

        endpoint = _checked_endpoint(self._access.endpoint)
        return httpx.Client(
            verify=self._tls,
            timeout=httpx.Timeout(self._stall_timeout_s, connect=_CONNECT_TIMEOUT_S),
            headers={"User-Agent": f"velocity-local/{RELEASE}", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=not _is_loopback(endpoint),
        )

    @contextmanager
    def _follow(
        self, client: "httpx.Client", path: str, headers: dict[str, str]
    ) -> Iterator[tuple["httpx.Response", str]]:
        url, etag = self._access.endpoint + path, ""
        for _ in range(MAX_REDIRECTS + 1):
            request_headers = headers | self._credentials(url)
            with client.stream("GET", url, headers=request_headers) as response:
                etag = etag or response.headers.get("x-linked-etag", "")
                if response.status_code not in _REDIRECTS:
                    yield response, etag
                    return
                url = self._redirected(url, response.headers.get("location", ""))
        raise HubError(f"the hub redirects more than {MAX_REDIRECTS} times")

    def _credentials(self, url: str) -> dict[str, str]:
        """The token, for the hub's own origin and nobody else."""
        token = self._access.token()
        if token is None or _origin(urlsplit(url)) != _origin(urlsplit(self._access.endpoint)):
            return {}
        if not token.isascii() or not token.isprintable():
            raise HubError("the hub's token has characters that no token has; look at HF_TOKEN")
        return {"Authorization": f"Bearer {token}"}

    def _redirected(self, url: str, location: str) -> str:
        try:
            target = urlsplit(urljoin(url, location))
            has_host = bool(target.hostname) and target.port != 0
        except ValueError as error:
            raise HubError("the hub redirects to something that is no address") from error
        is_local = _is_loopback(target) and _is_loopback(urlsplit(self._access.endpoint))
        is_safe = target.scheme == "https" or (target.scheme == "http" and is_local)
        if not (location and has_host and is_safe):
            raise HubError(
                f"the hub redirects to {target.scheme}://{target.hostname}, not to https"
            )
        return target.geturl()


def _file(sibling: _Sibling) -> HubFile | None:
    if sibling.lfs is not None:
        size, digest = sibling.lfs.size, f"sha256:{sibling.lfs.sha256}"
    else:
        size, digest = sibling.size or 0, f"git:{sibling.blob_id}"
    if not 0 < size <= _MAX_FILE_BYTES or not is_digest(digest):
        return None
    return HubFile(sibling.rfilename, size, digest)


def _check_status(response: "httpx.Response", name: str) -> None:
    status = response.status_code
    if status in {401, 403, 404}:
        raise ModelNotFound(
            f"the hub shows no {name} ({status}); look at its spelling. If it is private or gated,"
            " accept its terms on the hub and set HF_TOKEN for the daemon",
            param="model",
        )
    if status in {408, 429} or status >= 500:
        raise Interrupted(f"the hub answered {status}", retry_after_s=_retry_after_s(response))
    if status not in {200, 206}:
        raise HubError(f"the hub answered {status} for {name}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise HubError(f"the hub sends {name} compressed, though it was not asked to")


def _extent(response: "httpx.Response") -> tuple[int, int | None]:
    """Where the answer's bytes begin, and the size of the whole file if it is told."""
    length = response.headers.get("content-length", "")
    total = int(length) if length.isdecimal() and len(length) < 19 else None
    if response.status_code == 200:
        return 0, total
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if match is None:
        raise HubError("the hub sends a part of the file without saying which")
    return int(match["first"]), int(match["total"])


def _bounded(response: "httpx.Response") -> bytes:
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > MAX_ANSWER_BYTES:
            raise HubError(f"the hub's answer is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(data)


def _retry_after_s(response: "httpx.Response") -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), _MAX_RETRY_AFTER_S) if text.isdecimal() else None


def _checked_endpoint(endpoint: str) -> SplitResult:
    parts = urlsplit(endpoint)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))
    if not is_safe or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise HubError("HF_ENDPOINT must be an https address, or http on this machine")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def _is_loopback(parts: SplitResult) -> bool:
    return parts.hostname in _LOOPBACK


def _read_large_pieces() -> None:
    """With its own 64 KiB at a time httpcore loses a third of a fast network's speed."""
    import httpcore  # noqa: PLC0415 - comes with httpx

    httpcore.HTTP11Connection.READ_NUM_BYTES = PIECE_BYTES


def _keep_addresses_out_of_logs() -> None:
    """Addresses of a hub's storage are signed: who reads one can use it."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
