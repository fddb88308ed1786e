import socket

import msgspec
import pytest

from tests.support.script_server import ScriptServer
from velocity_local.client.errors import ApiError, ProtocolError, Unreachable
from velocity_local.client.http import HttpClient, segment, with_query


class Pong(msgspec.Struct, frozen=True):
    pong: int


def test_an_answer_is_decoded_into_its_type(server: ScriptServer) -> None:
    server.reply("200 OK", b'{"pong": 7, "more": null}')
    assert HttpClient(server.url).get("/ping", Pong) == Pong(7)


def test_the_secret_and_the_body_are_sent(server: ScriptServer) -> None:
    server.reply("200 OK", b'{"pong": 1}')
    HttpClient(server.url + "/", secret="s3").call("POST", "/p", Pong, body={"a": "ä"})
    line, headers, body = server.requests[0]
    assert line == "POST /p HTTP/1.1"
    assert headers["Authorization"] == "Bearer s3"
    assert headers["Content-Type"] == "application/json"
    assert body == '{"a":"ä"}'.encode()


def test_an_error_answer_has_status_code_and_message(server: ScriptServer) -> None:
    body = b'{"error": {"message": "no such model", "code": "model_not_found", "type": "x"}}'
    server.reply("404 Not Found", body)
    with pytest.raises(ApiError, match="no such model") as failure:
        HttpClient(server.url).get("/v1/models/x", Pong)
    assert (failure.value.status, failure.value.code) == (404, "model_not_found")


def test_a_busy_server_says_when_to_come_back(server: ScriptServer) -> None:
    server.reply("503 Service Unavailable", b"<html>", "Retry-After: 7")
    with pytest.raises(ApiError, match="503 Service Unavailable") as failure:
        HttpClient(server.url).get("/", Pong)
    assert failure.value.retry_after_s == 7.0


def test_a_status_can_be_asked_without_raising(server: ScriptServer) -> None:
    server.reply("503 Service Unavailable", b"{}")
    assert HttpClient(server.url).status("/ready") == (503, b"{}")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"pong": "text"}', b"", b"\xff"])
def test_an_answer_of_another_program_is_named_as_such(server: ScriptServer, body: bytes) -> None:
    server.reply("200 OK", body)
    with pytest.raises(ProtocolError, match="is it velocity-local"):
        HttpClient(server.url).get("/", Pong)


def test_a_server_that_speaks_no_http_is_named(server: ScriptServer) -> None:
    server.answer = b"SSH-2.0-OpenSSH_9.2\r\n"
    with pytest.raises(ProtocolError, match="does not speak HTTP"):
        HttpClient(server.url).get("/", Pong)


def test_nobody_at_the_address_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Unreachable, match="connection refused"):
            HttpClient(url).get("/", Pong)


def test_a_server_that_hangs_up_is_unreachable(server: ScriptServer) -> None:
    server.answer = b""
    with pytest.raises(Unreachable, match="closed the connection"):
        HttpClient(server.url).get("/", Pong)


def test_a_server_that_keeps_silent_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="too long"):
            HttpClient(url).get("/", Pong, timeout_s=0.05)


def test_a_stream_gives_events_up_to_its_end(server: ScriptServer) -> None:
    server.reply_events("one", "two", "[DONE]", "never")
    with HttpClient(server.url).stream("/s", {}) as events:
        assert list(events) == ["one", "two"]


def test_a_stream_that_breaks_off_is_no_success(server: ScriptServer) -> None:
    server.reply_events("one")
    with HttpClient(server.url).stream("/s", {}) as events:
        assert next(events) == "one"
        with pytest.raises(ProtocolError, match="broke off"):
            next(events)


def test_a_refused_stream_raises_before_it_begins(server: ScriptServer) -> None:
    server.reply("400 Bad Request", b'{"error": {"message": "too long", "code": "x"}}')
    with pytest.raises(ApiError, match="too long"), HttpClient(server.url).stream("/s", {}):
        pass


@pytest.mark.parametrize("url", ["ftp://x", "localhost:80", "http://", "text"])
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no http address"):
        HttpClient(url)


def test_parameters_that_are_none_are_left_out() -> None:
    assert with_query("/r", limit=5, model=None, text="a b&c") == "/r?limit=5&text=a+b%26c"
    assert with_query("/r", model=None) == "/r"


def test_a_model_id_is_one_path_that_cannot_leave_its_place() -> None:
    assert segment("org/name:Q4_K_M") == "org/name:Q4_K_M"
    assert segment("a?b#c d") == "a%3Fb%23c%20d"
