"""Reasoning is bounded and switched by a real worker, whatever its model would rather write."""

from pathlib import Path

import msgspec
import pytest

from tests.process.worker.harness import Answer, answer, ask, chat, fake_worker, refusal
from tests.process.worker.harness import worker as demo_worker
from velocity_local.core.events import tool_chars
from velocity_local.core.formats import ChoiceFormat
from velocity_local.core.models import LoadOptions
from velocity_local.core.reasoning import Effort, Reasoning
from velocity_local.core.requests import ChatPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Generate, Resumed
from velocity_local.worker.backends.fake.script import Fixed, Script

pytestmark = pytest.mark.process

MODEL = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"

SWITCHED = """{{ messages[-1].content }}
{%- if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"""
# Eleven bytes close a block by force, so they stand where the model wrote eleven of its own.
ENDING = "\n</think>\n\n"
THINKER = Script(reply=Fixed("<think>" + "m" * 16 + "Done."), chat_template=SWITCHED)
OPENED = Script(
    reply=Fixed("m" * 16 + "Done."),
    chat_template="{{ messages[-1].content }}</think><think>\n",
)
HARMONY_ENDING = "<|end|><|start|>assistant<|channel|>final<|message|>"
HARMONY = Script(
    reply=Fixed("<|channel|>analysis<|message|>mmm" + "m" * len(HARMONY_ENDING) + "Done."),
    chat_template="{# <|channel|> <|message|> functions #}{{ messages[-1].content }}",
)


def prompt(effort: Effort | None = None, budget: int | None = None, **kwargs: bool) -> ChatPrompt:
    asked = Reasoning(effort, budget)
    return msgspec.structs.replace(chat("think"), reasoning=asked, template_kwargs=kwargs)


def answered(folder: Path, script: Script, asked: ChatPrompt, **fields: object) -> Answer:
    with fake_worker(folder, script) as worker:
        worker.send(ask(1, asked, parse_output=True, **fields))
        return answer(worker, 1)


def reasoning(seen: Answer) -> str:
    return "".join(delta.reasoning for delta in seen.deltas)


@pytest.mark.parametrize(
    ("script", "asked", "thought", "said", "n_reasoning"),
    [
        pytest.param(THINKER, prompt(), "m" * 16 + "Done.", "", 28, id="unbounded"),
        pytest.param(THINKER, prompt(budget=5), "mmmmm", "Done.", 21, id="a budget"),
        pytest.param(OPENED, prompt(budget=5), "mmmmm", "Done.", 14, id="opened by the prompt"),
        pytest.param(HARMONY, prompt(budget=3), "mmm", "Done.", 40, id="harmony"),
        pytest.param(THINKER, prompt(budget=10**6), "m" * 16 + "Done.", "", 28, id="unspent"),
    ],
)
def test_a_budget_closes_the_block(
    tmp_path: Path, script: Script, asked: ChatPrompt, thought: str, said: str, n_reasoning: int
) -> None:
    seen = answered(tmp_path, script, asked)
    assert (reasoning(seen), seen.text()) == (thought, said)
    assert seen.finished.usage.reasoning_tokens == n_reasoning


def test_off_goes_by_the_switch_or_by_force(tmp_path: Path) -> None:
    by_force = answered(tmp_path, OPENED, prompt("none"))
    assert (reasoning(by_force), by_force.text()) == ("", "mmmmmDone.")
    with fake_worker(tmp_path, THINKER) as worker:
        worker.send(ask(1, prompt("none"), echo=True))
        assert answer(worker, 1).text().startswith("think<think></think>")


def test_an_answer_in_a_format_follows_the_forced_end(tmp_path: Path) -> None:
    format_ = ChoiceFormat(param="structured_outputs", texts=("Done.", "Over."))
    seen = answered(tmp_path, THINKER, prompt(budget=5), format=format_)
    assert (reasoning(seen), seen.text()) == ("mmmmm", "Done.")


@pytest.mark.parametrize("n_tokens", [3, 7, 12, 13, 20, 23, 25])
def test_another_worker_keeps_to_what_is_left(tmp_path: Path, n_tokens: int) -> None:
    command = ask(1, prompt(budget=5), parse_output=True)
    with fake_worker(tmp_path, THINKER) as worker:
        worker.send(command)
        whole = answer(worker, 1)
    emitted = whole.tokens()[:n_tokens]
    with fake_worker(tmp_path, THINKER) as worker:
        worker.send(Generate(1, command.request, (Resumed(0, emitted),)))
        rest = answer(worker, 1)
    assert emitted + rest.tokens() == whole.tokens()
    assert sum(tool_chars(delta.tool_calls) for delta in rest.deltas) == 0


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (prompt("low"), "reasoning_effort"),
        (prompt(budget=9), "reasoning_budget_tokens"),
        (prompt(enable_thinking=True), "chat_template_kwargs"),
        (prompt(enable_citations=True), "chat_template_kwargs.enable_citations"),
    ],
)
def test_a_template_without_reasoning_refuses_by_name(
    tmp_path: Path, asked: ChatPrompt, param: str
) -> None:
    with fake_worker(tmp_path) as worker:
        worker.send(ask(1, asked, parse_output=True))
        assert refusal(worker, 1).error.param == param
        worker.send(ask(2, prompt("none", enable_thinking=False), parse_output=True))
        assert answer(worker, 2).text() == "think"


@pytest.mark.parametrize("effort", [None, "low"])
def test_the_demo_model_answers_after_its_budget(effort: Effort | None) -> None:
    asked = prompt(effort, 4, enable_thinking=True)
    asked = msgspec.structs.replace(asked, messages=chat("How do I download a model?").messages)
    with demo_worker() as running:
        running.load(str(MODEL), LoadOptions(n_ctx=1024, n_threads=1))
        fields = {"parse_output": True, "sampling": SamplingParams(temperature=0)}
        running.send(ask(1, msgspec.structs.replace(asked, reasoning=Reasoning(effort)), **fields))
        free = answer(running, 1)
        running.send(ask(2, asked, **fields))
        bound = answer(running, 2)
    assert bound.finished.usage.reasoning_tokens < free.finished.usage.reasoning_tokens
    assert reasoning(free).startswith(reasoning(bound))
    assert bound.text()
    assert "</think>" not in bound.text()
