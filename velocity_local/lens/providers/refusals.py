"""Error answers of every provider: status, headers and a body in one of the shapes known.

{"error": {"message", "code" | "type" | "status"}}   OpenAI, Anthropic, Gemini, llama.cpp, vLLM
{"error": "text"}                                    Ollama
{"message": "text"}, {"detail": ...}                 Cohere, Mistral, and servers on FastAPI
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import msgspec

from velocity_local.core.printable import printable
from velocity_local.lens.faults import Fault

MAX_MESSAGE_CHARS = 400
TOO_MANY_REQUESTS = 429


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime | None = None
) -> Fault:
    """The error answer as a fault; a body of no known shape is quoted."""
    document = _document(body)
    message, code = describe(document)
    if not message:
        message = body[:MAX_MESSAGE_CHARS].decode("utf-8", "replace").strip() or "no reason given"
    retry_after_s = retry_after(headers, now or datetime.now(UTC))
    return Fault(
        "rate_limit" if status == TOO_MANY_REQUESTS else "http_status",
        f"HTTP {status}: {_short(message)}",
        status=status,
        code=code,
        retry_after_s=_delay_in(document) if retry_after_s is None else retry_after_s,
    )


def describe(document: object) -> tuple[str, str | None]:
    """Message and code of an error document; empty if it has none."""
    if isinstance(document, list) and document:  # Gemini wraps it when streaming
        document = document[0]
    if not isinstance(document, dict):
        return "", None
    error = document.get("error")
    if isinstance(error, dict):
        return _text(error.get("message")), _code(error)
    if isinstance(error, str):
        return error, None
    return _text(document.get("message") or document.get("detail")), _code(document)


def event_fault(document: object) -> Fault:
    """An error that came inside a stream."""
    message, code = describe(document)
    return Fault("server_error_event", _short(message or "an error without a reason"), code=code)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the server asks to wait, from Retry-After (RFC 9110 10.2.3) or OpenAI's
    retry-after-ms; None if it does not say or says nothing usable.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) and value >= 0 else None


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _delay_in(document: object) -> float | None:
    """Gemini's google.rpc.RetryInfo: {"retryDelay": "17s"}."""
    if isinstance(document, list) and document:
        document = document[0]
    error = document.get("error") if isinstance(document, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return _number(delay.removesuffix("s"))
    return None


def _code(error: Mapping[str, object]) -> str | None:
    for name in ("code", "status", "type"):
        value = error.get(name)
        if isinstance(value, str) and value:
            return value[:80]
    return None


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _short(message: str) -> str:
    return printable(message[:MAX_MESSAGE_CHARS])
