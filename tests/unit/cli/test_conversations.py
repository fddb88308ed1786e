"""What the command line makes of conversations."""

import msgspec

from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import cli
from velocity_local.core.conversations import Summary, Turn
from velocity_local.wire.http.conversations import ConversationAnswer, ConversationList

TITLE = "\x1b]0;owned\x07 counting"
WHOLE = ConversationAnswer("c1", TITLE, head="q1", turns=(Turn("q1", None, "user", "One?"),))


def test_they_are_listed_as_a_table_and_as_json(server: ScriptServer) -> None:
    found = ConversationList((Summary("c1", TITLE, "demo", 1.0, 2.0, 3),), None)
    server.reply("200 OK", msgspec.json.encode(found))
    shown = cli("conversations", "list", "--text", "a b", "--host", server.url, is_terminal=True)
    assert "\\x1b]0;owned\\x07 counting" in shown.out
    assert server.requests[-1][0] == "GET /api/v1/conversations?text=a+b&limit=50 HTTP/1.1"
    document = msgspec.json.decode(cli("conversations", "list", "--json", "--host", server.url).out)
    assert document["conversations"][0]["n_turns"] == 3


def test_one_is_written_as_a_page_or_whole(server: ScriptServer) -> None:
    server.reply("200 OK", msgspec.json.encode(WHOLE))
    page = cli("conversations", "export", "c1", "--host", server.url).out
    assert "## You\n\nOne?" in page
    assert "\x1b" not in page
    document = cli("conversations", "export", "c1", "--json", "--host", server.url).out
    assert msgspec.json.decode(document)["conversation"]["turns"][0]["text"] == "One?"


def test_deleting_asks_first(server: ScriptServer) -> None:
    server.reply("200 OK", b'{"deleted": 1}')
    assert cli("conversations", "delete", "c1", "--host", server.url).status == 2
    assert server.requests == []
    assert cli("conversations", "delete", "c1", "--yes", "--host", server.url).status == 0
    assert server.requests[-1][0] == "DELETE /api/v1/conversations/c1 HTTP/1.1"
