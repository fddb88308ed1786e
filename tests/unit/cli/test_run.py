import io
import json
import sys

import msgspec
import pytest

from tests.support.chunks import answer, chunk
from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import Ran, Screen, cli
from velocity_local.cli.run import join_prompt


@pytest.fixture(autouse=True)
def stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


def run(server: ScriptServer, *arguments: str, is_terminal: bool = False) -> Ran:
    return cli("run", *arguments, "--host", server.url, is_terminal=is_terminal)


def asked(server: ScriptServer) -> dict[str, object]:
    return msgspec.json.decode(server.requests[-1][2], type=dict[str, object])


@pytest.mark.parametrize(
    ("argument", "piped", "prompt"),
    [
        ("Sum up:", "a\nb\n", "Sum up:\n\na\nb"),
        ("Hello", "", "Hello"),
        (None, "from a pipe\n", "from a pipe"),
        (None, "\n", None),
        ("", "", None),
    ],
)
def test_a_prompt_is_argument_then_pipe(
    argument: str | None, piped: str, prompt: str | None
) -> None:
    assert join_prompt(argument, piped) == prompt


def test_the_answer_is_the_only_data(server: ScriptServer) -> None:
    server.reply_events(*answer("Hel", "lo."))
    assert run(server, "demo", "Hi") == Ran(0, "Hello.\n", "")


def test_an_answer_that_ends_a_line_gets_no_second_one(server: ScriptServer) -> None:
    server.reply_events(*answer("Hello.\n"))
    assert run(server, "demo", "Hi").out == "Hello.\n"


def test_flags_become_fields(server: ScriptServer) -> None:
    server.reply_events(*answer("x"))
    flags = ["--system", "Be brief.", "--temperature", "0", "--max-tokens", "5", "--seed", "7"]
    run(server, "demo", "Hi", *flags)
    assert asked(server) == {
        "model": "demo",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
        ],
        "temperature": 0.0,
        "max_tokens": 5,
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_piped_text_is_the_prompt(server: ScriptServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe\n"))
    server.reply_events(*answer("x"))
    run(server, "demo")
    assert asked(server)["messages"] == [{"role": "user", "content": "from a pipe"}]


def test_verbose_tells_counts_beside_the_data(server: ScriptServer) -> None:
    server.reply_events(*answer("Hel", "lo"))
    ran = run(server, "demo", "Hi", "--verbose")
    assert ran.out == "Hello\n"
    assert ran.err.startswith("prompt 9 tokens (4 cached), answer 2 tokens, first token ")


def test_json_is_one_document(server: ScriptServer) -> None:
    server.reply_events(*answer("Hel", "lo"))
    document = json.loads(run(server, "demo", "Hi", "--json").out)
    assert document["schema"] == "velocity-local/run/1"
    assert (document["text"], document["finish_reason"]) == ("Hello", "stop")
    assert document["usage"]["completion_tokens"] == 2


def test_reasoning_is_shown_to_people_only(server: ScriptServer) -> None:
    events = [chunk({"reasoning_content": "hm"}), *answer("\n\nYes")]
    server.reply_events(*events)
    assert run(server, "demo", "Hi").out == "Yes\n"
    server.reply_events(*events)
    assert (
        run(server, "demo", "Hi", is_terminal=True).out == "\x1b[2mhm\x1b[0m\x1b[2m\n\n\x1b[0mYes\n"
    )


def test_no_prompt_is_wrong_usage(server: ScriptServer) -> None:
    ran = run(server, "demo")
    assert ran.status == 2
    assert "there is no prompt" in ran.err


def test_an_unknown_model_is_status_4(server: ScriptServer) -> None:
    body = b'{"error": {"message": "no model demon; near: demo", "code": "model_not_found"}}'
    server.reply("404 Not Found", body)
    ran = run(server, "demon", "Hi")
    assert ran.status == 4
    assert ran.err == "error: no model demon; near: demo\n  try: velocity-local list\n"


def test_an_error_in_the_middle_keeps_what_was_said(server: ScriptServer) -> None:
    error = '{"error":{"message":"the worker died","code":"worker_crashed"}}'
    server.reply_events(chunk({"content": "Hel"}), error)
    ran = run(server, "demo", "Hi")
    assert (ran.status, ran.out) == (1, "Hel\n")
    assert "the worker died" in ran.err


def test_no_daemon_is_status_3(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = str(tmp_path_factory.mktemp("home"))
    ran = cli("run", "demo", "Hi", environ={"VELOCITY_HOME": home})
    assert ran.status == 3
    assert "try: velocity-local start" in ran.err


def test_a_wrong_address_is_wrong_usage() -> None:
    ran = cli("ps", "--host", "ftp://box")
    assert ran.status == 2
    assert "http://" in ran.err


def test_the_address_may_come_from_the_environment(server: ScriptServer) -> None:
    server.reply_events(*answer("x"))
    environ = {"VELOCITY_HOST": server.url, "VELOCITY_API_KEY": "key"}
    assert cli("run", "demo", "Hi", environ=environ).status == 0
    assert server.requests[0][1]["Authorization"] == "Bearer key"


class Person:
    """Somebody at the keyboard, who types these lines and then leaves."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    def __call__(self, _: str = "") -> str:
        if not self._lines:
            raise EOFError
        line = self._lines.pop(0)
        if line == "^C":
            raise KeyboardInterrupt
        return line


def chat(server: ScriptServer, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Ran:
    monkeypatch.setattr("builtins.input", Person(*lines))
    monkeypatch.setattr(sys, "stdin", Screen())
    return cli("chat", "demo", "--host", server.url, is_terminal=True)


def messages(server: ScriptServer) -> list[list[object]]:
    """The conversation as each request had it."""
    return [
        [message["content"] for message in msgspec.json.decode(body)["messages"]]
        for _, _, body in server.requests
    ]


def test_a_chat_remembers(server: ScriptServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.reply_events(*answer("Hello."))
    assert chat(server, monkeypatch, "Hi", "", "Again").status == 0
    assert messages(server) == [["Hi"], ["Hi", "Hello.", "Again"]]


def test_a_chat_can_be_steered(server: ScriptServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.reply_events(*answer("Hello."))
    lines = [
        "/system Be brief.",
        "/set seed 7",
        "Hi",
        "/retry",
        "/clear",
        "/system",
        "New",
        "/exit",
    ]
    chat(server, monkeypatch, *lines)
    assert messages(server) == [["Be brief.", "Hi"], ["Be brief.", "Hi"], ["New"]]
    assert asked(server)["seed"] == 7


def test_a_failed_answer_leaves_the_conversation_as_it_was(
    server: ScriptServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reply("503 Service Unavailable", b'{"error": {"message": "the queue is full"}}')
    ran = chat(server, monkeypatch, "Hi", "^C", "Again")
    assert ran.status == 0
    assert ran.err.count("the queue is full") == 2
    assert messages(server) == [["Hi"], ["Again"]]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/help", "/save FILE"),
        ("/what", "/what is no command here"),
        ("/set colour red", "/set knows temperature"),
        ("/set seed red", "'red' is no number"),
        ("/retry", "nothing to answer"),
        ("/save", "/save needs a file name"),
        ("/model", "model: demo"),
    ],
)
def test_a_chat_command_says_what_it_did(
    server: ScriptServer, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    assert told in chat(server, monkeypatch, line).err


def test_a_conversation_can_be_saved(
    server: ScriptServer, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("saved") / "talk.json"
    server.reply_events(*answer("Hello."))
    chat(server, monkeypatch, "Hi", f"/save {file}")
    assert [turn["role"] for turn in json.loads(file.read_text())] == ["user", "assistant"]
