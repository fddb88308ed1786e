"""A model that has a template of its own for conversations with tools, as Hermes and Command-R."""

import json
from collections.abc import Iterator

import pytest

from tests.process.worker.harness import Worker, answer, ask, worker
from tests.support import tiny_models
from velocity_local.core.events import Delta
from velocity_local.core.formats import ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, RenderRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import Render, Rendered

pytestmark = pytest.mark.process

PLAIN = "{% for message in messages %}{{ message.content }};{% endfor %}"
WITH_TOOLS = (
    "Functions: {{ tools | map(attribute='function') | map(attribute='name') | join }}. "
    "Call with <tool_call> and </tool_call>, arguments as JSON. " + PLAIN
)
PARAMETERS = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}},
    "required": ["on"],
    "additionalProperties": False,
}
TOOLS = (Tool("switch", "Turns it on or off.", PARAMETERS),)
ASKED = (Message("user", "Hello"),)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    path = tmp_path_factory.mktemp("models") / "two.gguf"
    tiny_models.write_llama(path, default=PLAIN, tool_use=WITH_TOOLS)
    with worker() as running:
        running.load(str(path), LoadOptions(n_ctx=512, n_seq_max=2, n_threads=1))
        yield running


@pytest.mark.parametrize(("tools", "begins"), [((), "Hello;"), (TOOLS, "Functions: switch.")])
def test_tools_choose_the_template(running: Worker, tools: tuple[Tool, ...], begins: str) -> None:
    running.send(Render(1, RenderRequest("id", "model", ChatPrompt(ASKED, tools=tools))))
    rendered = running.next()
    assert isinstance(rendered, Rendered), rendered
    assert rendered.text.startswith(begins)


def test_calls_are_those_of_the_template_with_tools(running: Worker) -> None:
    hot = SamplingParams(seed=1, temperature=1)
    use = ToolUse(is_required=True, is_parallel=False)
    prompt = ChatPrompt(ASKED, tools=TOOLS)
    request = ask(2, prompt, sampling=hot, tool_use=use, parse_output=True, max_tokens=200)
    running.send(request)
    deltas = [event for event in answer(running, 2).events if isinstance(event, Delta)]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or ()]
    assert pieces[0].name == "switch"
    assert set(json.loads("".join(piece.arguments for piece in pieces))) == {"on"}
