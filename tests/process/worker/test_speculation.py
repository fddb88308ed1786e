"""Guesses through a real worker: what callers see and are told, with and without a small model."""

from pathlib import Path

import msgspec
import pytest

from tests.process.worker.harness import Answer, answer, ask, fake_worker, worker
from tests.support import tiny_heads, tiny_models
from velocity_local.core.models import LoadOptions, Speculation
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Generate, Load, LoadFailed, Resumed, Step
from velocity_local.worker.backends.fake.script import Babble, Fixed, Script

pytestmark = pytest.mark.process

DEMO = str(Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf")
GREEDY = SamplingParams(temperature=0, ignore_eos=True)
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_threads=1, speculation="on")


def _said(folder: Path, script: Script, speculation: Speculation, **fields: object) -> Answer:
    options = LoadOptions(n_seq_max=4, speculation=speculation)
    with fake_worker(folder, script, options) as running:
        running.send(ask(1, "hello", **fields))
        return answer(running, 1)


def test_an_answer_that_a_stop_ends_counts_what_came_before_it(tmp_path: Path) -> None:
    script = Script(reply=Fixed("one two " * 30))
    stop = ("two one two one two one two one t",)
    plain = _said(tmp_path, script, "off", stop=stop)
    guessed = _said(tmp_path, script, "on", stop=stop)
    assert guessed.finished.timings.accepted_tokens > 0
    assert guessed.text() == plain.text()
    assert guessed.tokens() == plain.tokens()
    assert guessed.finished.usage == plain.finished.usage
    assert guessed.finished.stop_text == plain.finished.stop_text


def test_a_draft_models_guesses_come_true(tmp_path: Path) -> None:
    script = Script(reply=Babble(mean_tokens=200))
    path = tmp_path / "script.json"
    path.write_bytes(msgspec.json.encode(script))
    plain = _said(tmp_path, script, "off", max_tokens=150)
    options = LoadOptions(
        backend="fake",
        backend_script=str(path),
        n_seq_max=4,
        speculation="on",
        draft_path="the same script",
    )
    with worker() as running:
        running.load("fake", options)
        running.send(ask(1, "hello", max_tokens=150))
        guessed = answer(running, 1)
    assert guessed.tokens() == plain.tokens()
    assert guessed.finished.timings.accepted_tokens > len(plain.tokens()) // 2


def test_a_real_model_drafts_for_another(tmp_path: Path) -> None:
    options = msgspec.structs.replace(OPTIONS, draft_path=DEMO)
    with worker() as running:
        loaded = running.load(DEMO, options)
        running.send(ask(1, "Once upon a time", sampling=GREEDY, max_tokens=60))
        timings = answer(running, 1).finished.timings
    assert timings.accepted_tokens > 0.9 * timings.drafted_tokens > 20
    with worker() as running:
        alone = running.load(DEMO, OPTIONS)
    assert loaded.model.memory_bytes == 2 * alone.model.memory_bytes


def test_a_text_that_heads_guess_goes_on_in_another_worker_after_a_kill(tmp_path: Path) -> None:
    path = str(tiny_heads.write_hybrid_with_heads(tmp_path / "tiny.gguf"))
    sampling = msgspec.structs.replace(GREEDY, repeat_penalty=1.3, repeat_last_n=64)
    command = ask(1, "the sea and the sea", sampling=sampling, max_tokens=150)
    with worker() as running:
        running.load(path, msgspec.structs.replace(OPTIONS, speculation="off"))
        running.send(command)
        expected = answer(running, 1)
    options = msgspec.structs.replace(OPTIONS, heads="on")
    before = Answer()
    with worker() as running:
        running.load(path, options)
        running.send(command)
        while len(before.tokens()) < 50:
            report = running.next()
            if isinstance(report, Step):
                before.events += [event for _, event in report.events]
        running.process.kill()
    resumed = Resumed(0, before.tokens(), len(before.text()))
    with worker() as running:
        running.load(path, options)
        running.send(Generate(1, command.request, (resumed,)))
        after = answer(running, 1)
    assert before.tokens() + after.tokens() == expected.tokens()
    assert before.text() + after.text() == expected.text()
    assert 0 < after.finished.timings.accepted_tokens < after.finished.timings.drafted_tokens


def test_a_draft_model_of_another_vocabulary_is_refused(tmp_path: Path) -> None:
    tiny = tiny_models.write_llama(tmp_path / "tiny.gguf")
    with worker() as running:
        running.send(Load(DEMO, msgspec.structs.replace(OPTIONS, draft_path=str(tiny))))
        failed = running.next()
    assert isinstance(failed, LoadFailed)
    assert "cannot draft for this model" in failed.error.message
    assert "tokens" in failed.error.message


def test_a_draft_model_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.gguf")
    with worker() as running:
        running.send(Load(DEMO, msgspec.structs.replace(OPTIONS, draft_path=missing)))
        failed = running.next()
    assert isinstance(failed, LoadFailed)
    assert "the draft model cannot be loaded" in failed.error.message
