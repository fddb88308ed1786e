"""The fake keeps its script: what it says, how it waits, and how it fails."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.backends.conftest import OPTIONS
from tests.contract.backends.reading import feed, prompt
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends import registry
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Fault, Fixed, Reply, Script
from velocity_local.worker.engine.backend import BackendError, Forward, Sampled, SampleRow, Span

CHAT = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nfirst\nhow are {}?<|im_end|>\n"
RUN = """
import sys
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import Span
backend = registry.load("x", LoadOptions(backend="fake", backend_script=sys.argv[1]))
print("loaded", flush=True)
backend.forward([Span(0, 0, list(b"a poisonous prompt"), True)])
print("survived", flush=True)
"""


def reply_to(text: str, reply: Reply | None = None, *, n_tokens: int = 40) -> str:
    """What the fake says to a prompt, until its end token."""
    script = Script() if reply is None else Script(reply=reply)
    backend = FakeBackend(script, LoadOptions(n_ctx=512, n_batch=512))
    tokens = backend.tokenizer.encode(text, add_special=True, parse_special=True)
    sampler = backend.sampler(SamplingParams(), tokens)
    feed(backend, 0, tokens)
    said: list[int] = []
    while len(said) < n_tokens:
        (sampled,) = backend.sample([SampleRow(0, sampler, None)])
        assert isinstance(sampled, Sampled)
        if backend.tokenizer.is_end(sampled.token):
            break
        said.append(sampled.token)
        feed(backend, 0, [sampled.token])
    return b"".join(map(backend.tokenizer.piece_special, said)).decode()


def test_an_echo_gives_the_last_line_of_the_last_user_turn() -> None:
    chat = CHAT.format("you") + "<|im_start|>assistant\n"
    assert reply_to(chat) == "how are you?"


def test_an_echo_of_plain_text_gives_its_last_line() -> None:
    assert reply_to("one\ntwö") == "twö"


def test_a_fixed_answer_may_hold_control_tokens() -> None:
    assert reply_to("x", Fixed("well<|im_start|>then")) == "well<|im_start|>then"


def test_text_survives_the_byte_tokenizer() -> None:
    tokenizer = FakeBackend(Script(), OPTIONS).tokenizer
    text = "naïve 🦙 <|im_end|>"
    plain = tokenizer.encode(text, add_special=False, parse_special=False)
    parsed = tokenizer.encode(text, add_special=False, parse_special=True)
    assert len(plain) == len(text.encode())
    assert parsed[-1] == tokenizer.n_vocab - 1
    assert b"".join(map(tokenizer.piece_special, parsed)).decode() == text
    assert b"".join(map(tokenizer.piece, parsed)).decode() == "naïve 🦙 "


def test_delays_go_through_the_injected_wait() -> None:
    waits: list[float] = []
    script = Script(load_delay_s=3.0, step_delay_s=0.5, token_delay_s=0.25)

    def wait(delay_s: float) -> bool:
        waits.append(delay_s)
        return False

    backend = FakeBackend(script, OPTIONS, wait=wait)
    feed(backend, 0, prompt(backend, 10))
    assert waits == [3.0, 0.5 + 10 * 0.25]


def test_an_abort_ends_a_delay_at_once() -> None:
    backend = FakeBackend(Script(step_delay_s=3600.0), OPTIONS)
    backend.request_abort()
    assert backend.forward([Span(0, 0, [1, 2], wants_logits=True)]) is Forward.ABORTED
    assert backend.length(0) == 0


def test_an_error_strikes_at_its_step_and_only_there() -> None:
    backend = FakeBackend(Script(faults=(Fault("error", "step", count=2),)), OPTIONS)
    feed(backend, 0, prompt(backend, 5))
    with pytest.raises(BackendError, match="scripted failure"):
        feed(backend, 0, prompt(backend, 5))
    feed(backend, 0, prompt(backend, 5))


def test_a_fault_with_a_once_file_strikes_once(tmp_path: Path) -> None:
    fault = Fault("error", "load", once=str(tmp_path / "struck"), message="no memory")
    with pytest.raises(BackendError, match="no memory"):
        FakeBackend(Script(faults=(fault,)), OPTIONS)
    FakeBackend(Script(faults=(fault,)), OPTIONS)


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"replay": 1}', "replay"), ('{"reply": {"type": "sing"}}', "sing"), ("{", "truncated")],
)
def test_a_script_is_read_strictly(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)
    with pytest.raises(BackendError, match=says):
        registry.load("x", LoadOptions(backend="fake", backend_script=str(path)))


def test_a_missing_script_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"none\.json"):
        registry.load("x", LoadOptions(backend="fake", backend_script=str(tmp_path / "none.json")))


@pytest.mark.process
@pytest.mark.parametrize(
    ("do", "code"),
    [
        ("exit", 7),
        ("kill", -getattr(signal, "SIGKILL", signal.SIGTERM)),
        ("segfault", -signal.SIGSEGV),
        ("abort", -signal.SIGABRT),
    ],
)
@pytest.mark.parametrize(("when", "printed"), [("load", ""), ("prompt", "loaded\n")])
def test_a_death_is_a_real_one(do: str, code: int, when: str, printed: str, tmp_path: Path) -> None:
    fault = {"do": do, "when": when, "marker": "poisonous", "exit_code": 7}
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"faults": [fault]}))
    command = [sys.executable, "-c", RUN, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.stdout == printed
    assert result.returncode == code or sys.platform == "win32"


@pytest.mark.process
def test_a_hang_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"faults": [{"do": "hang", "when": "step", "count": 1}]}))
    command = [sys.executable, "-c", RUN, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        assert process.stdout.read() == ""
