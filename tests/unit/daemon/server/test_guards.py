"""Who gets past the guards, on every route the router knows."""

import msgspec
import pytest

from tests.support.asgi import HOST, PORT, call
from tests.support.scripted import TOKEN, NoMetrics, Stage
from velocity_local.config import logs
from velocity_local.config.settings import LimitSettings, ServerSettings
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import Conflict
from velocity_local.core.ids import IdSource
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.server.access import Access, Credentials, access_of
from velocity_local.daemon.server.admin.routes import ROUTES as ADMIN_ROUTES
from velocity_local.daemon.server.context import Context
from velocity_local.daemon.server.guards import AsgiApp
from velocity_local.daemon.server.litestar import create_litestar

EVIL = "http://evil.example"
API_KEY = "vl-key"


def every_route() -> list[tuple[str, str]]:
    """(method, path) of all routes, with something in place of parameters."""
    stage = Stage()
    context = Context(
        stage.gateway,
        NoMetrics(),
        stage.limits,
        lambda _: SamplingParams(),
        SystemClock(),
        IdSource(),
    )
    app = create_litestar(context, extra_routes=ADMIN_ROUTES)
    routes = []
    for route in app.routes:
        path = "/".join("x" if "{" in part else part for part in route.path.split("/"))
        routes += [(method, path) for method in sorted(getattr(route, "methods", ()))]
    return routes


ROUTES = every_route()

GOOD_HOSTS = [HOST, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"]
BAD_HOSTS = [
    "",
    "localhost",
    "127.0.0.1",
    f"localhost.:{PORT}",
    f"127.0.0.1.:{PORT}",
    f"localhost.evil.example:{PORT}",
    f"evil.example:{PORT}",
    f"0.0.0.0:{PORT}",
    f"[::]:{PORT}",
    f"127.1:{PORT}",
    f"2130706433:{PORT}",
    f"127.0.0.2:{PORT}",
    f"localhost:{PORT + 1}",
    f"localhost:0{PORT}",
    f"localhost:{PORT}:{PORT}",
    f"localhost:{PORT}/../",
    f"evil@localhost:{PORT}",
    f"localhost:{PORT}@evil",
    f"localhost,evil:{PORT}",
    f"localhost :{PORT}",
    f"local\thost:{PORT}",
    "*",
]
FOREIGN = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "file://"},
    {"origin": "chrome-extension://abc"},
    {"origin": "https://" + HOST},
    {"origin": "http://localhost:3000"},
    {"origin": f"http://localhost.evil.example:{PORT}"},
    {"origin": f"http://{HOST}.evil.example"},
    {"origin": f"http://localhost:{PORT}", "host": HOST},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "whatever"},
]


def test_the_router_was_read() -> None:
    assert ("POST", "/v1/chat/completions") in ROUTES
    assert any(path.startswith("/api/v1/") for _, path in ROUTES)
    print(f"{len(ROUTES) * (len(BAD_HOSTS) + len(FOREIGN))} Host and Origin cases")


async def test_every_route_refuses_every_bad_host() -> None:
    app = Stage().app(extra_routes=ADMIN_ROUTES)
    for method, path in ROUTES:
        for host in BAD_HOSTS:
            headers = {"host": host, "authorization": f"Bearer {TOKEN}"}
            assert (await call(app, method, path, headers=headers)).status == 403, (path, host)


async def test_every_route_refuses_every_foreign_page_before_its_body() -> None:
    stage = Stage()
    app = stage.app(extra_routes=ADMIN_ROUTES)
    for method, path in ROUTES:
        for headers in FOREIGN:
            sent = {**headers, "authorization": f"Bearer {TOKEN}", "content-length": "5"}
            answer = await call(app, method, path, headers=sent)
            assert answer.status == 403, (path, headers)
            assert "access-control-allow-origin" not in answer.headers
    assert not stage.runner.asked


@pytest.mark.parametrize("host", GOOD_HOSTS)
async def test_loopback_names_pass(host: str) -> None:
    assert (await call(Stage().app(), "GET", "/health", headers={"host": host})).status == 200


async def test_our_own_page_may_call() -> None:
    headers = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert (await call(Stage().app(), "GET", "/v1/models", headers=headers)).status == 200


async def test_the_address_the_connection_came_in_on_is_a_good_host() -> None:
    server = ("192.168.1.5", PORT)
    for host, status in ((f"192.168.1.5:{PORT}", 200), (f"192.168.1.6:{PORT}", 403)):
        answer = await call(Stage().app(), "GET", "/health", headers={"host": host}, server=server)
        assert answer.status == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("box.local", 200),
        ("BOX.local:1234", 200),
        ("box.local:", 403),
        ("box.local:x", 403),
        ("xbox.local", 403),
        ("exact.local:99", 200),
        ("exact.local:98", 403),
        ("exact.local", 403),
    ],
)
async def test_configured_hosts(host: str, status: int) -> None:
    stage = Stage()
    stage.server = ServerSettings(allowed_hosts=("box.local", "exact.local:99"))
    answer = await call(stage.app(), "GET", "/health", headers={"host": host})
    assert answer.status == status


class TestAllowedOrigin:
    ORIGIN = "http://localhost:3000"

    def app(self) -> AsgiApp:
        stage = Stage()
        stage.server = ServerSettings(allowed_origins=(self.ORIGIN,))
        return stage.app()

    async def test_gets_its_name_back(self) -> None:
        headers = {"origin": self.ORIGIN, "sec-fetch-site": "same-site"}
        answer = await call(self.app(), "GET", "/v1/models", headers=headers)
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == self.ORIGIN
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers

    async def test_can_read_errors_too(self) -> None:
        headers = {"origin": self.ORIGIN}
        answer = await call(self.app(), "GET", "/api/v1/requests", headers=headers)
        assert answer.status == 401
        assert answer.headers["access-control-allow-origin"] == self.ORIGIN

    async def test_preflight_is_answered_without_a_key(self) -> None:
        headers = {
            "origin": self.ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-os",
        }
        answer = await call(self.app(), "OPTIONS", "/v1/chat/completions", headers=headers)
        assert answer.status == 204
        assert "x-stainless-os" in answer.headers["access-control-allow-headers"]
        assert "POST" in answer.headers["access-control-allow-methods"]


WRONG: list[dict[str, str]] = [
    {},
    {"authorization": ""},
    {"authorization": "Bearer"},
    {"authorization": "Bearer "},
    {"authorization": "Bearer wrong"},
    {"authorization": f"Basic {API_KEY}"},
    {"authorization": API_KEY},
    {"authorization": f"Bearer {API_KEY} x"},
    {"authorization": f"Bearer {API_KEY}x"},
    {"authorization": "Bearer \xe9\xff"},
    {"authorization": "Bearer ' OR 1=1 --"},
    {"authorization": "Bearer " + "a" * 20_000},
    {"x-api-key": "wrong"},
    {"x-api-key": "", "cookie": f"key={API_KEY}"},
    {"authorization": f"Bearer {API_KEY}", "x-api-key": "wrong"},
    {"authorization": "Bearer wrong", "x-api-key": API_KEY},
    {"authorization": f"Bearer {Credentials.of(API_KEY).install_token.hex()}"},
]


class TestKeys:
    """Every route by every way to show, or not to show, a secret."""

    def stage(self) -> Stage:
        stage = Stage()
        stage.credentials = Credentials.of(TOKEN, [API_KEY])
        return stage

    async def test_only_health_and_the_empty_page_are_public(self) -> None:
        app = self.stage().app(extra_routes=ADMIN_ROUTES)
        for method, path in ROUTES:
            for headers in WRONG:
                status = (await call(app, method, path, headers=headers)).status
                is_public = path in ("/health", "/docs")
                assert (status != 401) is is_public, (method, path, headers)

    @pytest.mark.parametrize("header", ["authorization", "x-api-key"])
    async def test_both_headers_mean_the_same(self, header: str) -> None:
        value = f"Bearer {API_KEY}" if header == "authorization" else API_KEY
        app = self.stage().app()
        assert (await call(app, "GET", "/v1/models", headers={header: value})).status == 200

    async def test_an_api_key_opens_no_management_route(self) -> None:
        app = self.stage().app(extra_routes=ADMIN_ROUTES)
        for method, path in ROUTES:
            if path.startswith("/api/v1"):
                headers = {"authorization": f"Bearer {API_KEY}"}
                assert (await call(app, method, path, headers=headers)).status == 401

    async def test_the_install_token_opens_inference(self) -> None:
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert (await call(self.stage().app(), "GET", "/v1/models", headers=headers)).status == 200

    async def test_refusal_is_openais(self) -> None:
        answer = await call(self.stage().app(), "GET", "/v1/models")
        assert answer.error["type"] == "authentication_error"
        assert answer.error["code"] == "invalid_api_key"
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_without_keys_inference_is_open_and_management_is_not() -> None:
    app = Stage().app(extra_routes=ADMIN_ROUTES)
    assert (await call(app, "GET", "/v1/models")).status == 200
    for method, path in ROUTES:
        if path.startswith("/api/v1"):
            assert (await call(app, method, path)).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/requests",
        "/api//v1/requests",
        "/./api/v1/requests",
        "/x/../api/v1/requests",
        "/api/v1/../v1/requests",
        "/..",
        "/api\\v1\\requests",
        "/\\api/v1/requests",
        "/api/v1/requests\x00",
        "/api/v1/\nrequests",
        "",
        "api/v1/requests",
    ],
)
async def test_paths_that_can_be_read_in_two_ways_name_nothing(path: str) -> None:
    assert access_of(path) is None
    app = Stage().app(extra_routes=ADMIN_ROUTES)
    assert (await call(app, "GET", path)).status == 404


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/requests", "/api/v1/requests/"])
def test_management_is_told_by_its_prefix(path: str) -> None:
    assert access_of(path.rstrip("/")) is Access.MANAGEMENT


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": ""}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "text/plain; application/json"}, 415),
        ({"content-type": "application/jsonx"}, 415),
        ({"content-type": "APPLICATION/JSON; charset=utf-8"}, 400),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "deflate, gzip"}, 415),
        ({"content-encoding": "identity"}, 400),
        ({"content-length": str(11 * 2**20)}, 413),
        ({"content-length": str(2**40)}, 413),
    ],
)
async def test_bodies_that_are_not_read(headers: dict[str, str], status: int) -> None:
    answer = await call(Stage().app(), "POST", "/v1/chat/completions", body=b"{}", headers=headers)
    assert answer.status == status


async def test_a_chunked_body_is_cut_at_the_limit() -> None:
    stage = Stage()
    stage.limits = LimitSettings(body_bytes=10)
    headers = {"transfer-encoding": "chunked", "content-length": ""}
    answer = await call(
        stage.app(), "POST", "/v1/chat/completions", body=b" " * 11, headers=headers
    )
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")


async def test_a_request_id_is_kept_or_made() -> None:
    app = Stage().app()
    kept = await call(app, "GET", "/health", headers={"x-request-id": "mine-1"})
    assert kept.headers["x-request-id"] == "mine-1"
    for strange in ("a b", "a" * 65, "é", "<script>"):
        made = await call(app, "GET", "/health", headers={"x-request-id": strange})
        assert made.headers["x-request-id"].startswith("req_")


async def test_what_is_logged_during_a_request_carries_its_id() -> None:
    seen: list[str] = []

    def script(_: object) -> list[object]:
        seen.append(logs.request_id.get())
        raise Conflict("enough seen")

    body = msgspec.json.encode({"model": "demo", "prompt": "hi"})
    app = Stage(script).app()  # type: ignore[arg-type]  # it never answers
    await call(app, "POST", "/v1/completions", body=body, headers={"x-request-id": "mine-2"})
    assert seen == ["mine-2"]


async def test_a_fault_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    def script(_: object) -> list[object]:
        raise ZeroDivisionError("secret detail")

    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
    answer = await call(
        Stage(script).app(),  # type: ignore[arg-type]  # it fails on purpose
        "POST",
        "/v1/chat/completions",
        body=msgspec.json.encode(body),
        headers={"x-request-id": "trace-me"},
    )
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    assert b"secret" not in answer.body
    assert "trace-me" in answer.error["message"]
    assert "secret detail" in caplog.text
    assert "trace-me" in caplog.text


async def test_unknown_paths_and_methods_are_told_apart() -> None:
    app = Stage().app()
    assert (await call(app, "GET", "/nothing/here")).error["code"] == "not_found"
    answer = await call(app, "GET", "/v1/chat/completions")
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]
