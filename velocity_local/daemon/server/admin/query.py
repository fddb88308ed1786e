"""Query parameters: one that a route does not know is refused, as a field of a body would be."""

from typing import Any
from urllib.parse import parse_qsl

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from velocity_local.core.errors import InvalidRequest, UnsupportedField

_MAX_TIME_S = 1e11
TIME_S = {"ge": 0, "le": _MAX_TIME_S}
"""Bounds of a point in time, seconds since 1970."""


def known_parameters(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    """A Litestar guard.

    Raises:
        UnsupportedField: naming a parameter that the handler does not have.
        InvalidRequest: naming one that comes twice.
    """
    known = handler.parsed_fn_signature.parameters.keys() - {"request", "socket"}
    seen = set()
    for name, _ in _pairs(connection):
        if name not in known:
            choices = ", ".join(sorted(known)) or "none"
            raise UnsupportedField(f"{name} is no parameter here; known: {choices}", param=name)
        if name in seen:
            raise InvalidRequest(f"{name} is given twice", param=name)
        seen.add(name)


def _pairs(connection: ASGIConnection[Any, Any, Any, Any]) -> list[tuple[str, str]]:
    query = connection.scope["query_string"].decode("latin-1")
    return parse_qsl(query, keep_blank_values=True)
