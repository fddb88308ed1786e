"""`/openapi.json`, and `/docs`: a page of ours that needs nothing from the network."""

import asyncio
import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from litestar import get
from litestar.response.base import ASGIResponse

from velocity_local.daemon.server.context import AnyRequest
from velocity_local.daemon.server.schema import document

_PAGE = Path(__file__).with_name("docs.html")
_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@get("/openapi.json", include_in_schema=False)
async def openapi_json(request: AnyRequest) -> ASGIResponse:
    state = request.app.state
    if "openapi" not in state:
        state["openapi"] = await asyncio.to_thread(document, request.app)
    return ASGIResponse(body=state["openapi"], media_type="application/json")


@get("/docs", include_in_schema=False)
async def docs() -> ASGIResponse:
    body, policy = await asyncio.to_thread(_page)
    return ASGIResponse(
        body=body,
        media_type="text/html; charset=utf-8",
        headers={"content-security-policy": policy, "cache-control": "no-cache"},
    )


ROUTES = [openapi_json, docs]


@cache
def _page() -> tuple[bytes, str]:
    """The page, and a policy that lets nothing run but its own script and style."""
    body = _PAGE.read_bytes().replace(b"\r\n", b"\n")  # hashes are over the parsed text
    allowed = {kind.decode(): _source(text) for kind, text in _INLINE.findall(body)}
    policy = (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return body, policy


def _source(text: bytes) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text).digest()).decode('ascii')}'"
