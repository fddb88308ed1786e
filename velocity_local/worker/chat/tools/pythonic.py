"""Llama 4, Llama 3.2 and Gemma 3: `[f(a=1, b="x"), g()]` is the whole answer.

Llama 4 may frame it with `<|python_start|>` and `<|python_end|>`. Only tools that were offered
make a call: any other text in brackets is an answer.
https://www.llama.com/docs/model-cards-and-prompt-formats/llama4/
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import python_calls
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "pythonic"
OPEN = "<|python_start|>"
CLOSE = "<|python_end|>"
MARKERS = (OPEN, CLOSE)
TRIGGERS = ()
OPENERS = ("[",)


class Parser(python_calls.PythonCallParser):
    KNOWN_ONLY = True

    def read(self) -> Steps[None]:
        yield from self.accept_next(OPEN)
        yield from self._framed()
        while (yield from self.until(OPEN)):
            yield from self._framed()

    def _framed(self) -> Steps[None]:
        if (yield from self.calls()):
            yield from self.accept_next(CLOSE)
            self.drop()
        else:
            self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it needs no marker
    return python_calls.grammar(tools, parallel=parallel)
