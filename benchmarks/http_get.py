"""One small GET at a time, for readiness and for reading figures back."""

import http.client
from urllib.parse import urlsplit

PROBE_TIMEOUT_S = 5.0


def get(url: str, *, token: str | None = None, timeout_s: float = PROBE_TIMEOUT_S) -> bytes | None:
    """The body of a 200; None for any other answer and if nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port, timeout=timeout_s
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 else None
