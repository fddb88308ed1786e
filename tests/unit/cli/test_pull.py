import json

import msgspec
import pytest

from tests.support.script_server import ScriptServer
from tests.unit.cli.terminal import Ran, cli
from velocity_local.cli.pull import progress_line
from velocity_local.core.downloads import Download, Variant
from velocity_local.wire.http.admin import DownloadList, RepositoryAnswer


def download(**changes: object) -> Download:
    given = {
        "id": "dl_1",
        "model": "o/r/m-Q8_0",
        "repository": "o/r",
        "revision": "0" * 40,
        "quantization": "Q8_0",
        "files": ("m-Q8_0.gguf",),
        "state": "running",
        "done_bytes": 25_000_000,
        "total_bytes": 100_000_000,
        "bytes_per_s": 5_000_000.0,
        "retries": 0,
        "created_s": 1.0,
    } | changes
    return Download(**given)  # type: ignore[arg-type] # fields by name


def offer(*quantizations: str) -> RepositoryAnswer:
    variants = (Variant(name, (f"m-{name}.gguf",), 1_500_000_000) for name in quantizations)
    return RepositoryAnswer("o/r", "0" * 40, tuple(variants))


def ask(server: ScriptServer, answer: object, *arguments: str) -> Ran:
    server.reply("200 OK", msgspec.json.encode(answer), "Content-Type: application/json")
    return cli("pull", *arguments, environ={"VELOCITY_HOST": server.url})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "[######------------------]  25 %  25.0 MB of 100.0 MB  5.0 MB/s  15 s left"),
        (
            {"state": "verifying", "retries": 2},
            "[######------------------]  25 %  25.0 MB of 100.0 MB  verifying  2 reconnected",
        ),
        (
            {"done_bytes": 0, "bytes_per_s": 0.0},
            "[------------------------]   0 %  0 B of 100.0 MB",
        ),
    ],
)
def test_progress_tells_share_size_speed_and_time(changes: dict[str, object], line: str) -> None:
    assert progress_line(download(**changes)) == line


def test_a_finished_download_prints_the_models_name(server: ScriptServer) -> None:
    ran = ask(server, download(state="done", ended_s=2.0), "o/r:Q8_0")
    assert (ran.status, ran.out) == (0, "o/r/m-Q8_0\n")
    assert "velocity-local run o/r/m-Q8_0" in ran.err
    assert server.requests[0][2] == b'{"model":"o/r:Q8_0"}'


def test_json_is_the_download_as_it_ended(server: ScriptServer) -> None:
    ran = ask(server, download(state="done", ended_s=2.0), "o/r:Q8_0", "--json")
    document = json.loads(ran.out)
    assert document["schema"] == "velocity-local/pull/1"
    assert document["download"]["state"] == "done"


def test_a_failed_download_says_why(server: ScriptServer) -> None:
    ran = ask(server, download(state="failed", error="the hub answered 500"), "o/r:Q8_0")
    assert (ran.status, ran.out) == (1, "")
    assert "the hub answered 500" in ran.err


def test_without_a_quantization_the_choices_are_listed(server: ScriptServer) -> None:
    ran = ask(server, offer("Q4_K_M", "Q8_0"), "o/r")
    assert ran.status == 2
    assert ran.out.splitlines()[1:] == [
        "Q4_K_M        1.5 GB  m-Q4_K_M.gguf",
        "Q8_0          1.5 GB  m-Q8_0.gguf",
    ]
    assert "velocity-local pull o/r:Q4_K_M" in ran.err
    assert [request[0].split()[0] for request in server.requests] == ["GET"]


def test_yes_does_not_choose_what_is_not_there(server: ScriptServer) -> None:
    assert ask(server, offer("Q3_K_S", "Q8_0"), "o/r", "--yes").status == 2


def test_a_model_is_needed() -> None:
    assert cli("pull").status == 2


def test_a_download_can_be_cancelled(server: ScriptServer) -> None:
    ran = ask(server, download(state="cancelled"), "--cancel", "dl_1")
    assert (ran.status, "Cancelled o/r/m-Q8_0" in ran.err) == (0, True)
    assert server.requests[0][0].startswith("DELETE /api/v1/downloads/dl_1 ")


def test_what_the_hub_does_not_have_is_status_4(server: ScriptServer) -> None:
    body = b'{"error":{"message":"o/r has no Q2_K","code":"model_not_found"}}'
    server.reply("404 Not Found", body, "Content-Type: application/json")
    ran = cli("pull", "o/r:Q2_K", environ={"VELOCITY_HOST": server.url})
    assert (ran.status, "o/r has no Q2_K" in ran.err) == (4, True)


def test_a_download_can_be_paused(server: ScriptServer) -> None:
    ran = ask(server, download(state="paused"), "--pause", "dl_1")
    assert (ran.status, "Paused o/r/m-Q8_0 at 25.0 MB of 100.0 MB" in ran.err) == (0, True)
    assert server.requests[0][0].startswith("POST /api/v1/downloads/dl_1/pause ")


def test_a_download_can_be_resumed_and_looked_at(server: ScriptServer) -> None:
    ran = ask(server, download(state="done", ended_s=2.0), "--resume", "dl_1")
    assert (ran.status, ran.out) == (0, "o/r/m-Q8_0\n")
    assert server.requests[0][0].startswith("POST /api/v1/downloads/dl_1/resume ")


def test_one_that_pauses_by_itself_says_why_and_how_to_go_on(server: ScriptServer) -> None:
    ran = ask(server, download(state="paused", error="the disk is full"), "o/r:Q8_0")
    assert (ran.status, "the disk is full" in ran.err) == (1, True)
    assert "velocity-local pull --resume dl_1" in ran.err


def test_a_name_of_the_shipped_list_is_asked_for_as_it_is(server: ScriptServer) -> None:
    assert ask(server, download(state="done", ended_s=2.0), "qwen3-4b").status == 0
    assert server.requests[0][2] == b'{"model":"qwen3-4b"}'


def test_downloads_are_listed(server: ScriptServer) -> None:
    answer = DownloadList((download(), download(id="dl_0", state="done", bytes_per_s=0.0)))
    server.reply("200 OK", msgspec.json.encode(answer), "Content-Type: application/json")
    ran = cli("downloads", environ={"VELOCITY_HOST": server.url})
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["dl_1", "o/r/m-Q8_0", "running", "25.0", "MB", "100.0", "MB", "5.0", "MB/s"],
        ["dl_0", "o/r/m-Q8_0", "done", "25.0", "MB", "100.0", "MB"],
    ]
