"""Solar Open: each call has an id of ten letters or digits.

`<|tool_calls|><|tool_call:begin|>id<|tool_call:name|>name<|tool_call:args|>{...}`
`<|tool_call:end|>`, in one line; `<|calls|>` ends the answer.
https://huggingface.co/upstage/Solar-Open-100B
"""

from collections.abc import Sequence

from velocity_local.worker.chat.channel_forms import Solar
from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer
from velocity_local.worker.chat.tools.sectioned import SectionedCalls

NAME = "solar"
CALL_OPEN = "<|tool_call:begin|>"
CALL_CLOSE = "<|tool_call:end|>"
CALLED = "<|tool_call:name|>"
ARGUMENTS = "<|tool_call:args|>"
MARKERS = (*Solar.MARKERS, CALL_OPEN, CALL_CLOSE, CALLED, ARGUMENTS)
TRIGGERS = (Solar.CALLS, CALL_OPEN)
OPENERS = ()


class Parser(SectionedCalls):
    OPEN = Solar.CALLS
    CLOSE = Solar.END_OF_CALLS
    CALL_OPEN = CALL_OPEN

    def call(self) -> Steps[None]:
        call_id = yield from self.before(CALLED, CALL_CLOSE)
        name = None if call_id is None else (yield from self.before(ARGUMENTS, CALL_CLOSE))
        if not (yield from self.stream_named(name and name.strip())):
            self.give_back()
            return
        yield from self.accept_next(CALL_CLOSE)
        self.drop()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        head = f"{mark(CALL_OPEN)} /[a-z0-9]{{10}}/ {mark(CALLED)} {lark.quoted(tool.name)}"
        return f"{head} {mark(ARGUMENTS)} {lark.arguments_of(tool)} {mark(CALL_CLOSE)}"

    start = lark.Markup(MARKERS, mark).write(f"{Solar.BEGIN}assistant")
    before = f"(({start})? {mark(Solar.CALLS)})?"
    return lark.calls(tools, form, parallel=parallel, before=before)
