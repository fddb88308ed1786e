"""Rows for tests: only what matters is said."""

from typing import Any

from velocity_local.core.history import RequestRow


def row(request_id: str, **values: Any) -> RequestRow:
    defaults: dict[str, Any] = {
        "created_s": 1_700_000_000.0,
        "dialect": "openai",
        "endpoint": "/v1/chat/completions",
        "model": "demo",
        "fingerprint": "abc",
        "status": "ok",
        "http_status": 200,
        "stream": True,
    }
    return RequestRow(id=request_id, **(defaults | values))
