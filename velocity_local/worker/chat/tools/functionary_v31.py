"""Functionary 3.1: `<function=name>{...}</function>`.

https://github.com/MeetKai/functionary
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "functionary_v31"
OPEN = "<function="
CLOSE = "</function>"
MARKERS = ()
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(CallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            name = yield from self.run(">\n")
            if (yield from self.accept(">")) and (yield from self.stream_named(name)):
                yield from self.accept_next(CLOSE)
                self.drop()
            else:
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it has no markers
    def form(tool: Offer) -> str:
        head = lark.quoted(f"{OPEN}{tool.name}>")
        return f"{head} {lark.arguments_of(tool)} {lark.quoted(CLOSE)}"

    return lark.calls(tools, form, parallel=parallel)
