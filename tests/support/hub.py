"""A model hub on this machine: the part of the Hugging Face hub's HTTP API that downloads use.

As the real one it redirects a file's address to storage under another name. Faults are switched
on by a test; `requests` holds what came, so that it can be counted.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE_BYTES = 16 * 1024


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]

    @property
    def first_byte(self) -> int:
        return int(self._range[0])

    @property
    def end_byte(self) -> int | None:
        """The byte after the last one asked for; None asks for all."""
        return int(self._range[1]) + 1 if self._range[1] else None

    @property
    def _range(self) -> tuple[str, str]:
        first, _, last = self.headers.get("Range", "bytes=0-")[len("bytes=") :].partition("-")
        return first, last


@dataclass
class Faults:
    """What goes wrong. A function gets the number of the request for bytes, from 0."""

    cut_after: Callable[[int], int | None] = lambda number: None
    status: Callable[[int], int | None] = lambda number: None
    hold_after: int | None = None
    hold_once: bool = False
    ignores_range: bool = False
    wrong_part: bool = False
    corrupt: bool = False
    extra_bytes: int = 0
    encoding: str | None = None
    changing_etag: Callable[[], str] | None = None
    piece_bytes: int = PIECE_BYTES
    piece_delay_s: float = 0.0
    location: str | None = None
    api_status: int = 200


@dataclass
class LocalHub:
    """Repositories as `{"owner/name": {"file.gguf": bytes}}`."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    for_mlx: set[str] = field(default_factory=set)
    etag: str = '"first"'
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    sent_bytes: int = 0
    search_answer: bytes | None = None
    counting: threading.Lock = field(default_factory=threading.Lock)

    def put(self, repository: str, **files: bytes) -> None:
        """Files by name; `__` in a keyword stands for a dot."""
        named = {name.replace("__", "."): data for name, data in files.items()}
        self.repositories.setdefault(repository, {}).update(named)

    @property
    def storage(self) -> list[Asked]:
        """The requests for a file's bytes."""
        return [asked for asked in self.requests if asked.path.startswith("/storage/")]

    def put_mlx(self, repository: str, files: dict[str, bytes]) -> None:
        """A repository that the hub lists as one for MLX."""
        self.repositories[repository] = files
        self.for_mlx.add(repository)

    def found(self, query: dict[str, list[str]]) -> bytes:
        """The answer to a search: repositories with the text in their name, or `search_answer`."""
        if self.search_answer is not None:
            return self.search_answer
        wants_mlx = query["filter"] == ["mlx"]
        names = [
            name
            for name in self.repositories
            if query["search"][0] in name and (name in self.for_mlx) == wants_mlx
        ]
        items = [
            {
                "id": name,
                "downloads": 1000 - number,
                "gated": False,
                "lastModified": "2026-10-01T00:00:00.000Z",
                "tags": ["gguf", "license:mit"],
                "gguf": {"total": 4_000_000, "architecture": "llama", "context_length": 2048},
            }
            for number, name in enumerate(names)
        ]
        return json.dumps(items[: int(query["limit"][0])]).encode()

    def listing(self, repository: str) -> bytes:
        files = self.repositories[repository]
        siblings: list[dict[str, object]] = [{"rfilename": "README.md", "size": 3}]
        for path, data in files.items():
            digest = self.hashes.get(path, hashlib.sha256(data).hexdigest())
            size = self.sizes.get(path, len(data))
            lfs = {"sha256": digest, "size": size, "pointerSize": 130}
            siblings.append({"rfilename": path, "size": size, "lfs": lfs})
        tags = ["mlx"] if repository in self.for_mlx else ["gguf"]
        about = {"id": repository, "sha": COMMIT, "siblings": siblings, "tags": tags}
        return json.dumps(about).encode()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub = self.hub
        hub.requests.append(Asked(self.path, dict(self.headers.items())))
        self.close_connection = True
        path, _, query = self.path.partition("?")
        path = unquote(path)
        if path == "/api/models":
            self._answer(hub.faults.api_status, hub.found(parse_qs(query)))
        elif path.startswith("/api/models/"):
            self._list(path.removeprefix("/api/models/").removesuffix("/revision/main"))
        elif path.startswith("/storage/"):
            owner, name, file = path.removeprefix("/storage/").split("/", 2)
            self._send_file(hub.repositories[f"{owner}/{name}"][file])
        else:
            repository, _, file = path[1:].partition(f"/resolve/{COMMIT}/")
            other_name = hub.url.replace("127.0.0.1", "localhost")
            location = f"{other_name}/storage/{repository}/{file}?signature=secret-signature"
            self._answer(302, b"", Location=hub.faults.location or location, **self._linked())

    def _linked(self) -> dict[str, str]:
        changing = self.hub.faults.changing_etag
        etag = changing() if changing is not None else self.hub.etag
        return {"X-Linked-Etag": etag, "X-Repo-Commit": COMMIT}

    def _list(self, repository: str) -> None:
        hub = self.hub
        if repository not in hub.repositories:
            self._answer(401, b'{"error":"Invalid username or password."}')
        elif hub.faults.api_status != 200:
            self._answer(hub.faults.api_status, b"")
        else:
            self._answer(200, hub.listing(repository))

    def _send_file(self, data: bytes) -> None:
        faults, number = self.hub.faults, len(self.hub.storage) - 1
        if (status := faults.status(number)) is not None:
            realm = f'Bearer realm="{self.hub.url}/collect",service="storage"'
            self._answer(status, b"", **{"Retry-After": "7", "WWW-Authenticate": realm})
            return
        asked = Asked(self.path, dict(self.headers))
        is_part = "Range" in asked.headers and not faults.ignores_range
        first = asked.first_byte if is_part else 0
        first = first + 1 if faults.wrong_part and first else first
        end = asked.end_byte or len(data) if is_part else len(data)
        body = data[first:end] + b"x" * faults.extra_bytes
        self.send_response(206 if is_part else 200)
        if is_part:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(data)}")
        if not faults.extra_bytes:
            self.send_header("Content-Length", str(len(body)))
        if faults.encoding:
            self.send_header("Content-Encoding", faults.encoding)
        self.send_header("Connection", "close")
        self.end_headers()
        if faults.corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        self._send_body(body, faults.cut_after(number))

    def _send_body(self, body: bytes, cut_after: int | None) -> None:
        hub = self.hub
        piece_bytes = hub.faults.piece_bytes
        for start in range(0, len(body), piece_bytes):
            if hub.faults.hold_after is not None and start >= hub.faults.hold_after:
                hub.held.set()
                if hub.faults.hold_once:
                    hub.faults.hold_after = None
                hub.released.wait(30)
            hub.released.wait(hub.faults.piece_delay_s)
            piece = body[start : start + piece_bytes]
            if cut_after is not None:
                piece = piece[: max(cut_after - start, 0)]
            if not piece:
                return
            try:
                self.wfile.write(piece)
            except OSError:  # the other side has left
                return
            with hub.counting:
                hub.sent_bytes += len(piece)

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def local_hub() -> Iterator[LocalHub]:
    hub = LocalHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
