"""LFM2: `<|tool_call_start|>[f(a=1, b="x"), g()]<|tool_call_end|>`.

https://huggingface.co/LiquidAI/LFM2-1.2B
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import python_calls
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "lfm2"
OPEN = "<|tool_call_start|>"
CLOSE = "<|tool_call_end|>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(python_calls.PythonCallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            if (yield from self.calls()):
                yield from self.accept_next(CLOSE)
                self.drop()
            else:
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return python_calls.grammar(tools, parallel=parallel, before=mark(OPEN), after=mark(CLOSE))
