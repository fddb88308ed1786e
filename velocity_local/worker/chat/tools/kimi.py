"""Kimi K2: each call has an id made of its name and a number over the whole conversation.

`<|tool_calls_section_begin|><|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{...}
<|tool_call_end|>...<|tool_calls_section_end|>`, in one line.
https://huggingface.co/moonshotai/Kimi-K2-Instruct/blob/main/docs/tool_call_guidance.md
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer
from velocity_local.worker.chat.tools.sectioned import SectionedCalls

NAME = "kimi"
OPEN = "<|tool_calls_section_begin|>"
CLOSE = "<|tool_calls_section_end|>"
CALL_OPEN = "<|tool_call_begin|>"
CALL_CLOSE = "<|tool_call_end|>"
ARGUMENTS = "<|tool_call_argument_begin|>"
MARKERS = (OPEN, CLOSE, CALL_OPEN, CALL_CLOSE, ARGUMENTS)
TRIGGERS = (OPEN, CALL_OPEN)
OPENERS = ()


class Parser(SectionedCalls):
    OPEN = OPEN
    CLOSE = CLOSE
    CALL_OPEN = CALL_OPEN

    def call(self) -> Steps[None]:
        call_id = yield from self.before(ARGUMENTS, CALL_CLOSE)
        if not (yield from self.stream_named(call_id and _name(call_id))):
            self.give_back()
            return
        yield from self.accept_next(CALL_CLOSE)
        self.drop()


def _name(call_id: str) -> str:
    return call_id.strip().removeprefix("functions.").rpartition(":")[0] or call_id.strip()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        call_id = f"{lark.quoted(f'functions.{tool.name}:')} /[0-9]{{1,4}}/"
        arguments = f"{mark(ARGUMENTS)} {lark.arguments_of(tool)}"
        return f"{mark(CALL_OPEN)} {call_id} {arguments} {mark(CALL_CLOSE)}"

    return lark.calls(
        tools, form, parallel=parallel, before=f"({mark(OPEN)})?", after=f"({mark(CLOSE)})?"
    )
