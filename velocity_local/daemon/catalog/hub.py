"""Asks a model hub what a repository holds, and for its bytes. Blocking: for threads.

Speaks the part of the Hugging Face hub's HTTP API that downloads need: `GET
/api/models/REPO/revision/main?blobs=true` and `GET /REPO/resolve/COMMIT/PATH`
(https://huggingface.co/docs/hub/api). What comes back is not trusted, and the token stays with the
hub's own origin.
"""

import re
from contextlib import AbstractContextManager
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from velocity_local.config.hub import HubAccess
from velocity_local.core.errors import HubError
from velocity_local.daemon.catalog.downloads.digests import is_digest
from velocity_local.daemon.catalog.fetch import (
    STALL_TIMEOUT_S,
    Access,
    Fetcher,
    Incoming,
    is_loopback,
    origin,
)

_MAX_FILE_BYTES = 2**46
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MISSING = (
    "look at its spelling. If it is private or gated, accept its terms on the hub and set HF_TOKEN"
    " for the daemon"
)


class HubFile(NamedTuple):
    """A file of a repository: its path there, its size and its digest as the hub promises them.

    `digest` is `sha256:HEX`, or `git:HEX` for a file that the repository keeps itself.
    """

    path: str
    size_bytes: int
    digest: str


class Repository(NamedTuple):
    """A repository at one commit. Files without a hash are left out: nobody could verify them.

    `is_mlx` if the hub says that it is for MLX.
    """

    id: str
    revision: str
    files: tuple[HubFile, ...]
    is_mlx: bool = False


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
    tags: tuple[str, ...] = ()


class Hub:
    """One hub. Every method raises `HubError` for what it must not send or do."""

    def __init__(self, access: HubAccess, *, stall_timeout_s: float = STALL_TIMEOUT_S) -> None:
        self._access = access
        self._fetcher = Fetcher(
            Access(
                "the hub",
                self._check,
                self._credentials,
                _MISSING,
                uses_proxy=not is_loopback(urlsplit(access.endpoint)),
            ),
            stall_timeout_s=stall_timeout_s,
        )

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
        known = tuple(file for file in files if file is not None)
        return Repository(name, model.sha, known, is_mlx="mlx" in model.tags)

    def read(self, repository: Repository, file: HubFile) -> bytes:
        """A small file's bytes, which nobody has compared with its hash.

        Raises:
            Interrupted: if the hub does not answer.
        """
        return self.ask(_path_of(repository, file), f"{repository.id}/{file.path}")

    def ask(self, path: str, what: str) -> bytes:
        """The bounded answer of the hub's API at `path`; errors call it `what`.

        Raises:
            ModelNotFound, Interrupted: as `repository`.
        """
        return self._fetcher.ask(self._url(path), what)

    def open(
        self, repository: Repository, file: HubFile, *, first: int = 0, end: int | None = None
    ) -> AbstractContextManager[Incoming]:
        """The file's bytes from `first` to before `end`, or whatever the hub sends instead.

        Raises:
            ModelNotFound, Interrupted: as `Fetcher.open`.
        """
        url = self._url(_path_of(repository, file))
        return self._fetcher.open(url, repository.id, first=first, end=end)

    def _url(self, path: str) -> str:
        _check_endpoint(self._access.endpoint)
        return self._access.endpoint + path

    def _check(self, parts: SplitResult) -> None:
        is_local = is_loopback(parts) and is_loopback(urlsplit(self._access.endpoint))
        if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
            raise HubError(f"the hub redirects to {parts.scheme}://{parts.hostname}, not to https")

    def _credentials(self, parts: SplitResult) -> dict[str, str]:
        """The token, for the hub's own origin and nobody else."""
        token = self._access.token()
        if token is None or origin(parts) != origin(urlsplit(self._access.endpoint)):
            return {}
        if not token.isascii() or not token.isprintable():
            raise HubError("the hub's token has characters that no token has; look at HF_TOKEN")
        return {"Authorization": f"Bearer {token}"}


def _path_of(repository: Repository, file: HubFile) -> str:
    return f"/{quote(repository.id)}/resolve/{repository.revision}/{quote(file.path)}"


def _file(sibling: _Sibling) -> HubFile | None:
    if sibling.lfs is not None:
        size, digest = sibling.lfs.size, f"sha256:{sibling.lfs.sha256}"
    else:
        size, digest = sibling.size or 0, f"git:{sibling.blob_id}"
    if not 0 < size <= _MAX_FILE_BYTES or not is_digest(digest):
        return None
    return HubFile(sibling.rfilename, size, digest)


def _check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts))
    if not is_safe or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise HubError("HF_ENDPOINT must be an https address, or http on this machine")
