r"""Functionary 3.2: every part of an answer names who it is for: `>>>all\ntext`, `>>>name\n{...}`.

The prompt ends in the first `>>>`.
https://github.com/MeetKai/functionary
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "functionary_v32"
OPEN = ">>>"
_EVERYBODY = "all\n"
MARKERS = ()
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(CallParser):
    def read(self) -> Steps[None]:
        yield from self.accept(OPEN)
        while True:
            yield from self._part()
            if not (yield from self.until(OPEN)):
                return

    def _part(self) -> Steps[None]:
        """A recipient, and a call if it is a tool."""
        if (yield from self.accept(_EVERYBODY)):
            self.drop()
            return
        name = yield from self.run("\n{")
        if not (name in self.offers and (yield from self.stream_named(name))):
            self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it has no markers
    def form(tool: Offer) -> str:
        return f"{lark.quoted(tool.name + chr(10))} {lark.arguments_of(tool)}"

    open_ = lark.quoted(OPEN)
    return lark.calls(tools, form, parallel=parallel, before=f"{open_}?", between=open_)
