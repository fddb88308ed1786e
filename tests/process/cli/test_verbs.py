"""Every verb that asks a daemon, against a real one with the demo model."""

import csv
import subprocess
from collections.abc import Iterator

import pytest

from tests.process.cli.shell import Ran, Shell, shell_in

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with shell_in(tmp_path_factory.mktemp("verbs")) as typed:
        started = typed.run("start", "--port", "0", "--json")
        assert started.status == 0, started
        yield typed


@pytest.fixture(scope="module")
def answered(shell: Shell) -> Ran:
    return shell.run("run", "demo", "Hello!", "--temperature", "0", "--max-tokens", "8", "--json")


def test_an_answer_has_text_and_exact_counts(answered: Ran) -> None:
    document = answered.document
    assert document["text"].strip()
    assert 1 <= document["usage"]["completion_tokens"] <= 8


def test_the_same_answer_streams_into_a_pipe(shell: Shell, answered: Ran) -> None:
    ran = shell.run("run", "demo", "--temperature", "0", "--max-tokens", "8", stdin="Hello!\n")
    assert ran.status == 0
    assert ran.out.strip() == answered.document["text"].strip()
    assert ran.err == ""


def test_status_tells_where_it_listens(shell: Shell) -> None:
    document = shell.run("status", "--json").document
    assert document["is_running"]
    assert document["daemon"]["is_ready"]
    assert str(document["daemon"]["port"]) in shell.run("status").out


def test_ps_shows_what_is_in_memory(shell: Shell) -> None:
    (model,) = shell.run("ps", "--json").document["models"]
    assert (model["model"], model["state"]) == ("demo", "ready")
    assert "demo" in shell.run("ps").out


def test_list_and_show_know_the_demo_model(shell: Shell) -> None:
    models = shell.run("list", "--json").document["models"]
    assert "demo" in [model["id"] for model in models]
    assert "demo" in shell.run("ls", "--ids").out.split()
    assert shell.run("show", "demo", "--json").document["model"]["format"] == "gguf"
    assert "chat template  yes" in shell.run("show", "demo").out


def test_an_unknown_model_is_status_4(shell: Shell) -> None:
    for verb in (["show", "dmeo"], ["run", "dmeo", "Hi"]):
        ran = shell.run(*verb)
        assert ran.status == 4
        assert "demo" in ran.err


def test_history_knows_the_answer(shell: Shell, answered: Ran) -> None:
    identity = answered.document["id"]
    requests = shell.run("history", "list", "--json", "--model", "demo").document["requests"]
    assert identity in [request["id"] for request in requests]
    shown = shell.run("history", "show", identity, "--json").document["request"]
    assert shown["completion_tokens"] == answered.document["usage"]["completion_tokens"]
    assert identity in shell.run("history", "list").out


def test_history_is_exported_for_other_programs(shell: Shell, answered: Ran) -> None:
    rows = list(csv.DictReader(shell.run("history", "export", "--format", "csv").out.splitlines()))
    assert answered.document["id"] in [row["id"] for row in rows]
    document = shell.run("history", "export").document
    assert {row["id"] for row in rows} == {request["id"] for request in document["requests"]}


def test_a_deleted_request_is_gone(shell: Shell) -> None:
    identity = shell.run("run", "demo", "Bye", "--max-tokens", "2", "--json").document["id"]
    asked = shell.run("history", "delete", identity)
    assert asked.status == 2
    assert shell.run("history", "delete", identity, "--yes").status == 0
    assert shell.run("history", "show", identity).status == 4


def test_the_log_can_be_read(shell: Shell) -> None:
    ran = shell.run("logs", "-n", "5")
    assert ran.status == 0
    assert ran.out.strip()


def test_doctor_tells_nothing_personal(shell: Shell) -> None:
    ran = shell.run("doctor", "--json")
    assert ran.document["daemon"]["is_ready"]
    assert str(shell.home) not in ran.out
    assert "Advice" not in shell.run("doctor").err


def test_a_chat_goes_on_where_it_was(shell: Shell) -> None:
    ran = shell.run("chat", "demo", "--max-tokens", "6", stdin="Hello!\nAnd you?\n/exit\n")
    assert ran.status == 0
    assert len(ran.out.strip().splitlines()) >= 2
    assert ">>>" not in ran.out


def test_the_line_for_the_openai_client_works_as_printed(shell: Shell) -> None:
    lines = [line.strip() for line in shell.run("start").out.splitlines()]
    (line,) = [line for line in lines if line.startswith("python -c")]
    done = subprocess.run(
        line, shell=True, env=shell.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
