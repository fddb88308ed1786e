"""One request straight into an ASGI application: no socket, no parser."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from velocity_local.daemon.server.guards import AsgiApp

PORT = 8621
HOST = f"127.0.0.1:{PORT}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error = self.json["error"]
        assert isinstance(error, dict)
        return error


async def call(
    app: AsgiApp,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    server: tuple[str, int] = ("127.0.0.1", PORT),
) -> Answer:
    """Send one request whose body comes in one piece; a header set to "" is left out."""
    sent = {"host": HOST, "content-length": str(len(body)) if body else ""}
    if body:
        sent["content-type"] = "application/json"
    sent.update(headers or {})
    received: list[Any] = []
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if pending:
            return pending.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        received.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(errors="replace"),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items() if v],
        "server": server,
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await app(scope, receive, send)
    start = received[0]
    return Answer(
        start["status"],
        {k.decode(): v.decode() for k, v in start["headers"]},
        b"".join(message.get("body", b"") for message in received[1:]),
    )
