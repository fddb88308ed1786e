"""A server that answers what it is told to, byte for byte: what a broken or foreign one may do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ScriptServer:
    """Answers every request with `answer`; `requests` holds the heads and bodies that came."""

    url: str = ""
    answer: bytes = b""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def reply(self, status: str, body: bytes, *headers: str) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"])
        self.answer = f"{head}\r\nConnection: close\r\n\r\n".encode() + body

    def reply_events(self, *events: str) -> None:
        """A streamed answer whose length nobody knows beforehand."""
        body = "".join(f"data: {event}\n\n" for event in events).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        self.answer = head.encode() + body


@contextmanager
def script_server() -> Iterator[ScriptServer]:
    script = ScriptServer()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.requests.append((self.requestline, dict(self.headers.items()), body))
            self.wfile.write(script.answer)
            self.close_connection = True

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
