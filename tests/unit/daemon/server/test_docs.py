"""The interactive page and the document behind it, without a network."""

import re
from typing import Any

import pytest

from tests.support.asgi import call
from tests.support.scripted import TOKEN, Stage
from velocity_local.daemon.server.admin.routes import ROUTES as ADMIN_ROUTES
from velocity_local.daemon.server.guards import AsgiApp


@pytest.fixture
def app() -> AsgiApp:
    return Stage().app(extra_routes=ADMIN_ROUTES)


@pytest.fixture
async def api(app: AsgiApp) -> Any:
    return (await call(app, "GET", "/openapi.json")).json


async def test_the_page_asks_nothing_of_the_network(app: AsgiApp) -> None:
    answer = await call(app, "GET", "/docs")
    page = answer.body.decode()
    assert answer.status == 200
    assert "://" not in page
    assert not re.findall(r"\b(?:src|href)=", page)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


async def test_the_page_writes_no_markup_from_data(app: AsgiApp) -> None:
    page = (await call(app, "GET", "/docs")).body.decode()
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page


async def test_every_route_is_described(api: Any) -> None:
    assert api["openapi"].startswith("3.1")
    assert "post" in api["paths"]["/v1/chat/completions"]
    assert "get" in api["paths"]["/v1/models/{model_id}"]
    for path, operations in api["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            is_management = path.startswith("/api/v1")
            secured = operation.get("security", [])
            assert ({"installToken": []} in secured) is is_management


async def test_the_request_schema_has_every_field(api: Any) -> None:
    operation = api["paths"]["/v1/chat/completions"]["post"]
    ref = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    fields = api["components"]["schemas"][ref.rpartition("/")[2]]["properties"]
    assert {"messages", "tools", "min_p", "chat_template_kwargs"} <= set(fields)


async def test_every_reference_leads_somewhere(api: Any) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*map(references, node.values()))
        if isinstance(node, list):
            return set().union(*map(references, node))
        return set()

    known = {f"#/components/schemas/{name}" for name in api["components"]["schemas"]}
    assert references(api["paths"]) <= known
    assert references(api["components"]) <= known


async def test_path_parameters_are_declared(api: Any) -> None:
    for path, operations in api["paths"].items():
        for operation in operations.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


async def test_the_headers_of_a_route_are_declared(api: Any) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
        parameters = api["paths"][path]["post"]["parameters"]
        taken = {p["name"]: p["schema"] for p in parameters if p["in"] == "header"}
        assert taken["x-velocity-priority"]["enum"] == ["api", "batch", "interactive"]
        assert taken["x-velocity-queue-timeout"] == {"type": "number"}


async def test_the_document_is_made_once(app: AsgiApp) -> None:
    first = await call(app, "GET", "/openapi.json")
    second = await call(app, "GET", "/openapi.json", headers={"authorization": f"Bearer {TOKEN}"})
    assert first.body == second.body
