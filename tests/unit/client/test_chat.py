import msgspec
import pytest

from tests.support.chunks import USAGE, chunk
from tests.support.script_server import ScriptServer
from velocity_local.client.chat import ChatRequest, End, Piece, Turn, stream_chat
from velocity_local.client.errors import ApiError, ProtocolError
from velocity_local.client.http import HttpClient

ASK = ChatRequest("demo", (Turn("user", "hi"),), temperature=0.0)


def answered(server: ScriptServer, *events: str) -> list[Piece | End]:
    server.reply_events(*events)
    with stream_chat(HttpClient(server.url), ASK) as items:
        return list(items)


def test_an_answer_is_pieces_and_one_end(server: ScriptServer) -> None:
    events = (
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk(finish="stop"),
        chunk(usage=USAGE),
        "[DONE]",
    )
    *pieces, end = answered(server, *events)
    assert pieces == [Piece("hm", is_reasoning=True), Piece("Hel"), Piece("lo")]
    assert isinstance(end, End)
    assert end.usage is not None
    assert (end.finish_reason, end.usage.completion_tokens) == ("stop", 2)


def test_only_what_was_chosen_is_sent(server: ScriptServer) -> None:
    answered(server, chunk(finish="stop"), "[DONE]")
    assert msgspec.json.decode(server.requests[0][2]) == {
        "model": "demo",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_somebody_looks_on_and_is_served_before_programs(server: ScriptServer) -> None:
    answered(server, chunk(finish="stop"), "[DONE]")
    assert server.requests[0][1]["x-velocity-priority"] == "interactive"


def test_an_error_inside_the_stream_is_raised(server: ScriptServer) -> None:
    error = '{"error":{"message":"the worker died","code":"worker_crashed"}}'
    with pytest.raises(ApiError, match="the worker died") as failure:
        answered(server, chunk({"content": "Hel"}), error, "[DONE]")
    assert failure.value.code == "worker_crashed"


def test_a_stream_without_a_finish_is_no_answer(server: ScriptServer) -> None:
    with pytest.raises(ProtocolError, match="without saying why"):
        answered(server, chunk({"content": "Hel"}), "[DONE]")


def test_an_event_that_is_no_chunk_is_named(server: ScriptServer) -> None:
    with pytest.raises(ProtocolError, match="not understood"):
        answered(server, '{"hello": 1}', "[DONE]")
