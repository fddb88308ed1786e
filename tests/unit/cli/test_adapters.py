import argparse
import io
import json
from pathlib import Path

import msgspec
import pytest

from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import Ran, cli
from velocity_local.cli.adapters import _path
from velocity_local.cli.call import Call
from velocity_local.cli.output import Output
from velocity_local.core.library import About, FileOrigin
from velocity_local.wire.http.adapters import AdapterItem, AdapterList
from velocity_local.wire.http.admin import ModelItem

PIRATE = AdapterItem("m:pirate", "m", "pirate", "/models/p.gguf", 0.5, "print", 7_500_000, 16, 84)
BROKEN = AdapterItem("n:old", "n", "old", "/models/o.gguf", 1.0, problem="it is gone")


def ask(server: ScriptServer, answer: object, *arguments: str, status: str = "200 OK") -> Ran:
    server.reply(status, msgspec.json.encode(answer), "Content-Type: application/json")
    return cli("adapters", *arguments, environ={"VELOCITY_HOST": server.url})


def test_the_list_tells_what_each_is_and_what_is_wrong(server: ScriptServer) -> None:
    ran = ask(server, AdapterList((PIRATE, BROKEN)), "list")
    assert ran.status == 0
    assert ran.out.splitlines()[1].split() == ["m:pirate", "16", "7.5", "MB", "0.5", PIRATE.path]
    assert "n:old" in ran.out
    assert "it is gone" in ran.err


def test_the_list_can_be_of_one_model(server: ScriptServer) -> None:
    ran = ask(server, AdapterList((PIRATE, BROKEN)), "list", "--model", "n", "--json")
    assert [item["id"] for item in json.loads(ran.out)["adapters"]] == ["n:old"]


def test_an_empty_list_says_how_to_begin(server: ScriptServer) -> None:
    ran = ask(server, AdapterList(()), "list")
    assert ran.out == ""
    assert "adapters add MODEL NAME FILE" in ran.err


def test_adding_prints_the_name_to_ask_for(server: ScriptServer) -> None:
    ran = ask(server, PIRATE, "add", "m", "pirate", "p.gguf", "--scale", "0.5")
    assert ran.out == "m:pirate\n"
    assert json.loads(server.requests[-1][2]) == {
        "model": "m", "name": "pirate", "path": "p.gguf", "scale": 0.5,
    }  # fmt: skip


def test_a_wrong_base_is_told_as_it_is(server: ScriptServer) -> None:
    error = {"error": {"code": "invalid_adapter", "message": "made for another", "type": "x"}}
    ran = ask(server, error, "add", "m", "pirate", "p.gguf", status="400 Bad Request")
    assert ran.status == 1
    assert "made for another" in ran.err


def test_removing_says_that_the_file_stays(server: ScriptServer) -> None:
    ran = ask(server, PIRATE, "remove", "m:pirate")
    assert ran.status == 0
    assert PIRATE.path in ran.err


def test_removing_what_is_not_there_is_status_4(server: ScriptServer) -> None:
    error = {"error": {"code": "not_found", "message": "no adapter", "type": "x"}}
    ran = ask(server, error, "remove", "m:x", status="404 Not Found")
    assert ran.status == 4
    assert "adapters list" in ran.err


def test_a_file_that_is_here_is_sent_as_it_is_to_the_own_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.gguf").touch()
    out = Output(io.StringIO(), io.StringIO())

    def path(file: str, host: str | None) -> str:
        return _path(Call(argparse.Namespace(file=file, host=host), {}, out))

    assert path("here.gguf", None) == str(tmp_path / "here.gguf")
    assert path("there.gguf", None) == "there.gguf"
    assert path("here.gguf", "http://127.0.0.1:1") == "here.gguf"


def test_a_model_shows_its_adapters(server: ScriptServer) -> None:
    model = ModelItem(
        id="m", name="M", state="unloaded", format="gguf", architecture="llama", parameters=1,
        quantization="F16", context_length=1, size_bytes=1, fingerprint="f", path="/m.gguf",
        licence="", has_chat_template=True, is_embedding=False, created_s=1,
        adapters=("m:pirate", "m:poet"),
    )  # fmt: skip
    origin = FileOrigin("/m.gguf", "owner/repo", "0123456789abcdef", "m.gguf", "sha256:0")
    about = About("m", ("/m.gguf",), (origin,), "", {})
    # The server has one answer: what is asked first and what is asked then, in one.
    both = msgspec.to_builtins(model) | msgspec.to_builtins(about)
    server.reply("200 OK", msgspec.json.encode(both), "Content-Type: application/json")
    ran = cli("show", "m", environ={"VELOCITY_HOST": server.url})
    assert ["from", "owner/repo", "at", "0123456789ab"] in [x.split() for x in ran.out.splitlines()]
    assert ["adapters", "m:pirate,", "m:poet"] in [line.split() for line in ran.out.splitlines()]
