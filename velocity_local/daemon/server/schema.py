"""The OpenAPI document, from the routes themselves and the structs they read and write.

A handler that reads its own body names the struct in `opt["body"]`, and what it answers with in
`opt["answer"]`; for other handlers the return annotation tells. `opt["headers"]` has the types of
headers by name.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from velocity_local.core.release import RELEASE
from velocity_local.daemon.server.access import Access, access_of
from velocity_local.wire.http.errors import ErrorEnvelope

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_TYPED_PARAMETER = re.compile(r"\{(\w+):\w+\}")
_NOT_QUERY = frozenset({"request", "state", "data", "headers", "cookies", "scope", "body"})
_SCHEMES: Json = {
    "installToken": {"type": "http", "scheme": "bearer", "description": "the install token"},
    "apiKey": {"type": "http", "scheme": "bearer", "description": "an API key, if any are set"},
}


def document(app: Litestar) -> bytes:
    """The document as JSON. Takes some tens of milliseconds: not for the event loop."""
    operations = list(_operations(app))
    types = {kind for _, handler in operations for kind in _types(handler)}
    kinds = [*sorted(types, key=repr), ErrorEnvelope]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    known = dict(zip(kinds, schemas, strict=True))
    paths: Json = {}
    for path, handler in operations:
        for method in sorted(handler.http_methods - {"OPTIONS", "HEAD"}):
            paths.setdefault(path, {})[method.lower()] = _operation(path, handler, known)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "velocity-local", "version": RELEASE},
            "paths": paths,
            "components": {"schemas": components, "securitySchemes": _SCHEMES},
        }
    )


def _operations(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if handler.resolve_include_in_schema():
                yield _TYPED_PARAMETER.sub(r"{\1}", route.path_format or route.path), handler


def _types(handler: HTTPRouteHandler) -> Iterator[Any]:
    yield from (kind for kind in (_body(handler), _answer(handler)) if kind is not None)


def _body(handler: HTTPRouteHandler) -> Any:
    data = handler.parsed_fn_signature.parameters.get("data")
    return handler.opt.get("body") if data is None else data.annotation


def _answer(handler: HTTPRouteHandler) -> Any:
    if "answer" in handler.opt:
        return handler.opt["answer"]
    annotation = handler.parsed_fn_signature.return_type.annotation
    is_struct = inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct)
    return annotation if is_struct else None


def _operation(path: str, handler: HTTPRouteHandler, known: dict[Any, Json]) -> Json:
    operation: Json = {
        "operationId": handler.handler_name,
        "summary": handler.summary or handler.handler_name.replace("_", " "),
        "tags": list(handler.tags or ("Management",)),
        "parameters": list(_parameters(path, handler)),
        "responses": {
            "default": _content(known[ErrorEnvelope], "an error, in the same shape everywhere")
        },
    }
    if documentation := inspect.getdoc(handler.fn):
        operation["description"] = documentation
    answer = _answer(handler)
    operation["responses"]["200"] = _content(known.get(answer), "success")
    if (body := _body(handler)) is not None:
        operation["requestBody"] = {**_content(known[body], ""), "required": True}
    match access_of(path.replace("{", "").replace("}", "")):
        case Access.MANAGEMENT:
            operation["security"] = [{"installToken": []}]
        case Access.INFERENCE:
            operation["security"] = [{}, {"apiKey": []}]
    return operation


def _content(schema: Json | None, description: str) -> Json:
    content: Json = {"description": description}
    if schema is not None:
        content["content"] = {"application/json": {"schema": schema}}
    return content


def _parameters(path: str, handler: HTTPRouteHandler) -> Iterator[Json]:
    in_path = set(re.findall(r"\{(\w+)\}", path))
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        if name in _NOT_QUERY:
            continue
        is_in_path = name in in_path
        yield {
            "name": name,
            "in": "path" if is_in_path else "query",
            "required": is_in_path or not parameter.has_default,
            "schema": _plain_schema(parameter.annotation),
        }
    for name, kind in handler.opt.get("headers", {}).items():
        yield {"name": name, "in": "header", "required": False, "schema": _plain_schema(kind)}


def _plain_schema(annotation: Any) -> Json:
    try:
        return msgspec.json.schema(annotation)
    except TypeError:  # a type that only Litestar knows how to read
        return {"type": "string"}
