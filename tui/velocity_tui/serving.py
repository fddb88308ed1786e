"""The terminal UI in a browser on this machine, through textual-serve.

What it shows is what its owner may do: manage the daemon, and read and write files of theirs. So it
listens on 127.0.0.1 alone, and what comes without the key of the printed address is refused.
"""

import hmac
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
_KEY_BYTES = 32
# no font, script or picture from elsewhere; what the page itself needs is inline
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self' ws://{host}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Gate:
    """Who may come in: the browser that was given `key`, at the address `host`."""

    host: str
    key: str

    @property
    def cookie(self) -> str:
        """Cookies know no ports, so its name does."""
        return f"velocity-{self.host.rpartition(':')[2]}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/?key={self.key}"

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request that names itself by these headers is refused; empty if it is not. Another
        name for this machine is one that a page elsewhere may have made up.
        """
        if headers.get("Host") != self.host:
            return f"this is http://{self.host} and no other"
        if headers.get("Origin", f"http://{self.host}") != f"http://{self.host}":
            return "pages of other origins have no business here"
        return ""

    def is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.key.encode())


class GuardedServer(Server):
    """textual-serve behind the gate."""

    def __init__(self, command: Sequence[str], gate: Gate) -> None:
        joined = (
            subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)
        )
        host, _, port = gate.host.rpartition(":")
        super().__init__(joined, host=host, port=int(port), title="velocity-local")
        self._gate = gate

    async def app(self) -> web.Application:
        """What is to be run."""
        return await self._make_app()

    async def on_startup(self, app: web.Application) -> None:
        """Its caller tells where it is."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        refusal = self._gate.refusal(request.headers)
        if refusal:
            raise web.HTTPForbidden(text=refusal)
        given = request.query.get("key")
        if given is not None and self._gate.is_key(given):
            return self._let_in()
        if not self._gate.is_key(request.cookies.get(self._gate.cookie, "")):
            raise web.HTTPForbidden(text="open the address that the command printed")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _POLICY.format(host=self._gate.host)
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _let_in(self) -> web.Response:
        """The key goes from the address, where it would be seen, into a cookie."""
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(self._gate.cookie, self._gate.key, httponly=True, samesite="Strict")
        return response


def serve(arguments: Sequence[str], *, port: int, tell: Callable[[str], object]) -> None:
    """Serve the UI with these arguments until interrupted; `tell` hears its address.

    Raises:
        OSError: if the port cannot be had.
    """
    listening = socket.create_server((HOST, port))
    gate = Gate(f"{HOST}:{listening.getsockname()[1]}", secrets.token_urlsafe(_KEY_BYTES))
    server = GuardedServer([sys.executable, "-P", "-m", "velocity_tui", *arguments], gate)
    tell(gate.address)
    web.run_app(server.app(), sock=listening, print=None)
