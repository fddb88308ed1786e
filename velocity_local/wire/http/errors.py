"""The error envelope of OpenAI's API, which every client of it knows how to read."""

import msgspec


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """`details` holds the numbers behind the message, such as both sides of a broken limit."""

    message: str
    type: str
    param: str | None
    code: str | None
    details: dict[str, int | float | str] = {}


class ErrorEnvelope(msgspec.Struct, frozen=True):
    error: ErrorDetail
