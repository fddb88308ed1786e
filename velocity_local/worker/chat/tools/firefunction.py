"""FireFunction 2: `functools[{"name": ..., "arguments": {...}}]`.

https://huggingface.co/fireworks-ai/llama-3-firefunction-v2
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark, phi4
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "firefunction"
MARKERS = ()
TRIGGERS = (f"{phi4.OTHER_OPEN}[",)
OPENERS = ()
Parser = phi4.Parser


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it has no markers
    return lark.json_list(tools, parallel=parallel, before=lark.quoted(phi4.OTHER_OPEN), after="")
