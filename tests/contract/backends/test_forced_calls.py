"""Calls forced out of random weights at temperature 1, in every dialect, beside each other."""

import pytest

from tests.contract.backends.conftest import Open
from tests.contract.backends.reading import prompt
from tests.contract.backends.running import Run, ask
from tests.contract.backends.test_constrained import said
from tests.unit.worker.chat.test_tool_grammars import calls_of, check
from velocity_local.core.formats import ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.constraining import Constraining, Situation
from velocity_local.worker.engine.backend import Backend
from velocity_local.worker.engine.sequence import Ended, SequenceSpec

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 8},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "units": {"enum": ["metric", "imperial"]},
    },
    "required": ["city", "days", "units"],
    "additionalProperties": False,
}
SWITCH = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}, "level": {"type": "integer", "maximum": 99}},
    "required": ["on"],
    "additionalProperties": False,
}
TOOLS = (Tool("get_weather", "Tells the weather.", WEATHER), Tool("switch", None, SWITCH))
OFFERS = tuple(Offer(tool.name, tool.description, tool.parameters or {}) for tool in TOOLS)
USES = (
    ToolUse(is_required=True, is_parallel=False),
    ToolUse(is_required=True, is_parallel=False, only=("switch",)),
    ToolUse(is_required=True, is_parallel=False, only=("get_weather",)),
    ToolUse(is_required=True),
)
LIMIT = 900


def forced(backend: Backend, dialect: str, seed: int, use: ToolUse) -> SequenceSpec:
    shown = backend.tokenizer.piece_special
    constraining = Constraining(backend.tokenizer, shown)
    constraining.start()
    hot = SamplingParams(seed=seed, temperature=1, top_k=0, top_p=1, min_p=0)
    asked = GenerationRequest(
        "id",
        "model",
        ChatPrompt((Message("user", ""),), tools=TOOLS),
        parse_output=True,
        tool_use=use,
    )
    situation = Situation((), (), is_reasoning=False, dialect=DIALECTS[dialect])
    spec = ask(seed, prompt(backend, 20), hot, max_tokens=LIMIT)
    return constraining.apply(asked, (spec,), situation)[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whatever_the_weights_say_a_forced_call_is_valid(dialect: str, open_backend: Open) -> None:
    backend = open_backend("llama", LoadOptions(n_ctx=4096, n_seq_max=4, n_batch=64, n_threads=1))
    specs = [forced(backend, dialect, seed, use) for seed, use in enumerate(USES)]
    run = Run(backend)
    for tokens, spec, use in zip(run.finish(*specs), specs, USES, strict=True):
        text = said(backend, tokens)
        end = run.ends[spec.key]
        assert isinstance(end, Ended)
        if use.is_parallel and end.reason == "length":
            continue  # it may call as often as it likes
        calls = calls_of(DIALECTS[dialect], text, OFFERS)
        assert calls, text
        assert use.is_parallel or len(calls) == 1
        assert not use.only or {name for name, _ in calls} == set(use.only)
        check(calls, OFFERS)
