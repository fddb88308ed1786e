"""A request as the bytes that are sent."""

from velocity_local.core.release import RELEASE
from velocity_local.lens.door import Door
from velocity_local.lens.providers.port import WireRequest


def request_bytes(door: Door, request: WireRequest) -> bytes:
    """A POST with its JSON body.

    Raises:
        ValueError: if a header's value (an API key) cannot stand in one line of ASCII.
    """
    lines = [
        f"POST {door.prefix}{request.path} HTTP/1.1",
        f"Host: {door.host_field}",
        f"User-Agent: velocity-local-lens/{RELEASE}",
        "Accept: text/event-stream, application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(request.body)}",
    ]
    for name, value in request.headers:
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the value for {name} has characters that no header may have")
        lines.append(f"{name}: {value}")
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + request.body
