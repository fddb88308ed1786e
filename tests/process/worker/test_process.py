import os
import signal
import struct
import subprocess
import sys
from array import array
from pathlib import Path

import psutil
import pytest

from tests.process.worker.harness import answer, ask, chat, fake_worker, refusal, worker
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import (
    ChatPrompt,
    DetokenizeRequest,
    EmbeddingRequest,
    RenderRequest,
    TextPrompt,
    TokenizeRequest,
    TokenPrompt,
)
from velocity_local.wire.ipc.codec import MAX_FRAME_BYTES, FrameSplitter, decode_report, encode
from velocity_local.wire.ipc.messages import (
    Detokenize,
    Detokenized,
    Embed,
    Embedded,
    Load,
    LoadFailed,
    Ping,
    Pong,
    Refused,
    Render,
    Rendered,
    Shutdown,
    Step,
    Tokenize,
    Tokenized,
)
from velocity_local.worker.backends.fake.script import Babble, Fault, Script

pytestmark = pytest.mark.process


def test_render_tokenize_and_detokenize(tmp_path: Path) -> None:
    with fake_worker(tmp_path) as running:
        running.send(Render(1, RenderRequest("r", "m", chat("hi"))))
        rendered = running.next()
        running.send(Tokenize(2, TokenizeRequest("r", "m", "é<|im_end|>")))
        tokenized = running.next()
        running.send(Detokenize(3, DetokenizeRequest("r", "m", (195, 169, 258))))
        detokenized = running.next()
    assert rendered == Rendered(1, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert tokenized == Tokenized(2, (195, 169, 258), (b"\xc3", b"\xa9", b"<|im_end|>"))
    assert detokenized == Detokenized(3, "é<|im_end|>")


def _embed(*inputs: TextPrompt | TokenPrompt, dimensions: int | None = None) -> Embed:
    return Embed(1, EmbeddingRequest("e", "m", inputs, dimensions))


def test_embeddings_have_length_one_and_the_dimensions_asked(tmp_path: Path) -> None:
    with fake_worker(tmp_path, Script(pooling="mean")) as running:
        running.send(_embed(TextPrompt("a"), TokenPrompt((1, 2)), dimensions=3))
        embedded = running.next()
    assert isinstance(embedded, Embedded)
    assert embedded.prompt_tokens == 4
    for vector in embedded.vectors:
        values = array("f", vector)
        assert len(values) == 3
        assert sum(value * value for value in values) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("script", "command", "param"),
    [
        pytest.param(Script(), _embed(TextPrompt("a")), "model", id="no embeddings"),
        pytest.param(
            Script(pooling="mean"),
            _embed(TextPrompt("a"), dimensions=9),
            "dimensions",
            id="too many dimensions",
        ),
        pytest.param(
            Script(pooling="mean"), _embed(TokenPrompt((999,))), "prompt", id="no such token"
        ),
        pytest.param(Script(pooling="mean"), _embed(TokenPrompt(())), "prompt", id="empty"),
    ],
)
def test_an_embedding_that_cannot_be_is_refused(
    tmp_path: Path, script: Script, command: Embed, param: str
) -> None:
    with fake_worker(tmp_path, script) as running:
        running.send(command)
        assert refusal(running, 1).error.param == param


def test_a_looping_template_is_killed_and_others_go_on(tmp_path: Path) -> None:
    script = Script(
        chat_template="{% if 'LOOP' in messages[0].content %}{% for i in range(99999) %}"
        "{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}{{ messages[0].content }}"
    )
    with fake_worker(tmp_path, script) as running:
        running.send(ask(1, chat("LOOP")), ask(2, "text"))
        assert answer(running, 2).text() == "text"
        error = refusal(running, 1).error
        running.send(ask(3, chat("chat")))
        assert answer(running, 3).text() == "chat"
    assert error.code == "template_error"
    assert "longer than 2 s" in error.message


def test_a_template_that_does_not_compile_fails_chats_and_nothing_else(tmp_path: Path) -> None:
    with fake_worker(tmp_path, Script(chat_template="{% if %}")) as running:
        running.send(ask(1, chat("hi")))
        assert refusal(running, 1).error.code == "template_error"
        running.send(ask(2, "text"))
        assert answer(running, 2).text() == "text"


def test_a_model_without_a_template_speaks_chatml(tmp_path: Path) -> None:
    with fake_worker(tmp_path, Script(chat_template=False)) as running:
        running.send(Render(1, RenderRequest("r", "m", ChatPrompt(chat("hi").messages))))
        assert running.next() == Rendered(
            1, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
        )


def test_a_fault_of_the_library_fails_its_requests_only(tmp_path: Path) -> None:
    # the warm-up takes the first two passes
    fault = Fault(do="error", when="step", count=4)
    script = Script(reply=Babble(mean_tokens=10**6), faults=(fault,))
    with fake_worker(tmp_path, script) as running:
        running.send(ask(1, "abc"))
        step = running.until(lambda report: _ends(report))[-1]
        running.send(ask(2, "abc", max_tokens=2))
        assert answer(running, 2).finished.usage.completion_tokens == 2
    assert isinstance(step, Step)
    assert step.events[-1][1].error.code == "model_error"  # type: ignore[union-attr]  # it failed


def _ends(report: object) -> bool:
    return isinstance(report, Step) and hasattr(report.events[-1][1], "error")


def test_pings_are_answered_between_prefill_chunks(tmp_path: Path) -> None:
    script = Script(token_delay_s=0.001)
    with fake_worker(tmp_path, script, LoadOptions(n_batch=64)) as running:
        running.send(ask(1, "x" * 1500, max_tokens=1), Ping(1), Ping(2))
        reports = running.until(lambda report: isinstance(report, Step))
    assert [r.number for r in reports if isinstance(r, Pong)] == [1, 2]


def test_loading_that_fails_says_why(tmp_path: Path) -> None:
    with worker() as running:
        running.send(Load("x", LoadOptions(backend="fake", backend_script=str(tmp_path / "no"))))
        failed = running.next()
        assert running.exit_code() == 3
    assert isinstance(failed, LoadFailed)
    assert failed.error.code == "model_failed"
    assert "no" in failed.error.message


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    with worker() as running:
        running.send(Load("x", LoadOptions(backend="fake"), protocol=99))
        failed = running.next()
    assert isinstance(failed, LoadFailed)
    assert "protocol 99" in failed.error.message


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(struct.pack("<I", 3) + b"\xc1\xc1\xc1", id="no message"),
        pytest.param(struct.pack("<I", MAX_FRAME_BYTES + 1), id="too long"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
    ],
)
def test_garbage_ends_the_worker_with_a_code(tmp_path: Path, garbage: bytes) -> None:
    with worker() as running:
        running.send_bytes(garbage)
        assert running.exit_code() == 2
    with fake_worker(tmp_path) as running:
        running.send_bytes(garbage)
        assert running.exit_code() == 2
        assert b"ERROR" in running.log


def test_a_command_before_load_ends_the_worker() -> None:
    with worker() as running:
        running.send(ask(1, "x"))
        assert isinstance(running.next(), Refused)
        assert running.exit_code() == 2


def test_shutdown_ends_it_cleanly(tmp_path: Path) -> None:
    script = Script(reply=Babble(mean_tokens=10**6), step_delay_s=0.01)
    with fake_worker(tmp_path, script) as running:
        running.send(ask(1, "abc"))
        running.until(lambda report: isinstance(report, Step))
        children = psutil.Process(running.process.pid).children()
        running.send(Shutdown())
        assert running.exit_code() == 0
        gone, _ = psutil.wait_procs(children, timeout=10)
    assert gone == children


@pytest.mark.parametrize("state", ["unloaded", "idle", "busy", "hung"])
def test_the_end_of_the_pipe_ends_it(tmp_path: Path, state: str) -> None:
    faults = (Fault(do="hang", when="prompt", marker="hang"),)
    script = Script(reply=Babble(mean_tokens=10**6), step_delay_s=0.01, faults=faults)
    if state == "unloaded":
        with worker() as running:
            running.close_input()
            assert running.exit_code() == 0
        return
    with fake_worker(tmp_path, script) as running:
        if state != "idle":
            running.send(ask(1, "please hang" if state == "hung" else "go on"))
        if state == "busy":
            running.until(lambda report: isinstance(report, Step))
        running.close_input()
        assert running.exit_code() == 0


NOISY = """
import ctypes, os, sys
from velocity_local.wire.ipc.transport import ReportWriter, claim_stdio
from velocity_local.wire.ipc.messages import Rendered
read_fd, write_fd = claim_stdio()
libc = ctypes.CDLL(None if os.name == "posix" else "msvcrt")
writer = ReportWriter(write_fd)
writer.start()
for handle in range(20):
    libc.puts(b"a library prints")
    libc.fflush(None)
    print("and Python prints", flush=True)
    writer.send(Rendered(handle, "x" * handle))
writer.close()
assert os.read(0, 10) == b""
assert os.read(read_fd, 10) == b"input"
"""


def test_what_libraries_print_does_not_touch_the_frames() -> None:
    result = subprocess.run(
        [sys.executable, "-c", NOISY], input=b"input", capture_output=True, check=True
    )
    reports = [decode_report(body) for body in FrameSplitter().feed(result.stdout)]
    assert reports == [Rendered(handle, "x" * handle) for handle in range(20)]
    assert result.stderr.count(b"a library prints") == 20
    assert result.stderr.count(b"and Python prints") == 20


ISOLATED = """
import socket, sys
from velocity_local.worker import watchdog
watchdog.isolate()
for attempt in (
    lambda: socket.socket(),
    lambda: socket.socket(socket.AF_INET6),
    lambda: socket.create_connection(("127.0.0.1", 9)),
):
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit("a socket was opened")
"""


def test_a_worker_has_no_network() -> None:
    subprocess.run([sys.executable, "-c", ISOLATED], check=True)


LINUX = """
import ctypes, errno, resource
from pathlib import Path
from velocity_local.worker import watchdog
watchdog.isolate()
libc = ctypes.CDLL(None, use_errno=True)
assert libc.socket(2, 1, 0) == -1 and ctypes.get_errno() == errno.EACCES
assert libc.socket(10, 2, 0) == -1
assert libc.socket(1, 1, 0) > 0, "local sockets are allowed"
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert Path("/proc/self/oom_score_adj").read_text() == "500\\n"
"""


if sys.platform == "linux":

    def test_on_linux_native_code_has_no_network_either() -> None:
        subprocess.run([sys.executable, "-c", LINUX], check=True)

    def test_on_linux_it_dies_with_its_parent() -> None:
        program = (
            "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', "
            "'velocity_local.worker'], stdin=0, stdout=1); print(p.pid, file=sys.stderr, "
            "flush=True); p.wait()"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert parent.stdin
        assert parent.stdout
        assert parent.stderr
        with parent.stdin, parent.stdout, parent.stderr:
            # Both hold the pipe, and so does this test: its end is not what tells the worker.
            parent.stdin.write(encode(Load("x", LoadOptions(backend="fake"))))
            parent.stdin.flush()
            assert parent.stdout.read(1), "it is up"
            child = psutil.Process(int(parent.stderr.readline()))
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait()
            psutil.wait_procs([child], timeout=10)
            assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
