"""One daemon for each user, whatever happens around its start and its end."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.process.cli.shell import TIMEOUT_S, Shell, shell_in
from tests.support.chunks import chunk
from velocity_local.config.paths import locate

pytestmark = pytest.mark.process
STARTS = 50


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path / "home") as typed:
        yield typed


def daemons(shell: Shell) -> list[int]:
    """The daemon processes of this home, without those that one has just forked."""
    found = {}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        try:
            is_daemon = "velocity_local.daemon" in (process.info["cmdline"] or [])
            if is_daemon and process.environ().get("VELOCITY_HOME") == str(shell.home):
                found[process.pid] = process.info["ppid"]
        except psutil.Error:
            continue
    return [pid for pid, parent in found.items() if parent not in found]


def test_a_second_start_says_where_the_first_one_listens(shell: Shell) -> None:
    first = shell.run("start", "--port", "0")
    second = shell.run("start", "--port", "0")
    assert (first.status, second.status) == (0, 0)
    assert first.out == second.out
    assert "started" in first.err
    assert "already running" in second.err


def test_stopping_is_done_when_nothing_runs(shell: Shell) -> None:
    assert shell.run("start", "--port", "0", "--no-wait").status == 0
    assert shell.run("stop").err == "Stopped.\n"
    assert shell.run("stop").err == "The daemon does not run.\n"
    assert shell.run("status").status == 3
    assert daemons(shell) == []


def test_many_starts_at_once_make_one_daemon(shell: Shell) -> None:
    started = [shell.open("start", "--port", "0", "--no-wait", "--json") for _ in range(STARTS)]
    outputs = [process.communicate(timeout=TIMEOUT_S) for process in started]
    assert [process.returncode for process in started] == [0] * STARTS, outputs
    assert len({out.partition('"daemon"')[2] for out, _ in outputs}) == 1
    assert len(daemons(shell)) == 1


def test_a_killed_daemon_leaves_nothing_in_the_way(shell: Shell) -> None:
    assert shell.run("start", "--port", "0", "--no-wait").status == 0
    (pid,) = daemons(shell)
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)
    assert shell.run("ps").status == 3
    again = shell.run("start", "--port", "0")
    assert again.status == 0
    assert "started" in again.err


def test_a_port_of_another_program_is_status_4(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        ran = shell.run("start", "--port", str(port))
        assert ran.status == 4
        assert str(port) in ran.err
        assert "--port" in ran.err
    assert daemons(shell) == []


def test_a_broken_configuration_starts_nothing(shell: Shell) -> None:
    shell.home.mkdir(mode=0o700)
    (shell.home / "config.toml").write_text("[server]\nprot = 1\n")
    ran = shell.run("start")
    assert ran.status == 1
    assert "did you mean server.port" in ran.err
    (shell.home / "config.toml").unlink()


def test_a_restart_keeps_the_address(shell: Shell) -> None:
    before = shell.run("start", "--port", "0", "--no-wait", "--json").document["daemon"]
    after = shell.run("restart", "--no-wait", "--json").document["daemon"]
    assert after["base_url"] == before["base_url"]
    assert after["pid"] != before["pid"]


def test_a_daemon_that_hangs_is_killed_in_the_end(shell: Shell) -> None:
    assert shell.run("start", "--port", "0", "--no-wait").status == 0
    (pid,) = daemons(shell)
    hanging = psutil.Process(pid)
    hanging.suspend()
    ran = shell.run("stop", "--timeout", "1")
    if hanging.is_running():
        hanging.resume()
    assert ran.status == 0
    assert "killing it" in ran.err
    assert daemons(shell) == []


def test_a_daemon_that_hangs_before_it_listens_is_killed_too(shell: Shell) -> None:
    """As one looks whose address was never written: it holds the lock and nothing else."""
    assert shell.run("start", "--port", "0", "--no-wait").status == 0
    (pid,) = daemons(shell)
    hanging = psutil.Process(pid)
    hanging.suspend()
    locate({"VELOCITY_HOME": str(shell.home)}).daemon_file.unlink(missing_ok=True)
    ran = shell.run("stop", "--timeout", "1")
    if hanging.is_running():
        hanging.resume()
    assert ran.status == 0, ran.err
    assert f"ending its process {pid}" in ran.err
    assert daemons(shell) == []


def test_serve_is_the_daemon_itself(shell: Shell) -> None:
    served = shell.open("serve", "--port", "0")
    try:
        second = None
        while second is None or second.status != 0:
            assert served.poll() is None, served.communicate()
            second = shell.run("status")
        assert daemons(shell) == [served.pid]
        assert shell.run("serve", "--port", "0").status == 3
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=TIMEOUT_S)
        assert served.returncode == 0
    finally:
        served.kill()
        served.communicate()


def read_request(connection: socket.socket) -> None:
    """Take a request in, head and body, so that nothing of it is left unread."""
    with connection.makefile("rb") as stream:
        lengths = [
            int(line.partition(b":")[2])
            for line in iter(stream.readline, b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        stream.read(sum(lengths))


def test_ctrl_c_ends_an_answer_with_status_130(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slow:
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        typed = shell.open("run", "demo", "Hi", "--host", url)
        connection, _ = slow.accept()
        with connection:
            read_request(connection)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            connection.sendall(head + f"data: {chunk({'content': 'Hel'})}\n\n".encode())
            assert typed.stdout is not None
            assert typed.stdout.read(3) == "Hel"
            typed.send_signal(signal.SIGINT)
            out, _ = typed.communicate(timeout=TIMEOUT_S)
            assert (typed.returncode, out) == (130, "\n")
            connection.settimeout(10)
            assert connection.recv(1) == b""
