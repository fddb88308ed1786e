"""What the worker and its renderer process say to each other: length-prefixed msgpack.

A renderer sends an empty `Text` unasked once it is up; then one outcome for each job.
"""

import struct
from typing import Literal

import msgspec

from velocity_local.core.messages import Message, Tool

LENGTH = struct.Struct("<I")
MAX_SOURCE_BYTES = 64 * 1024
MAX_MEMORY_BYTES = 256 * 1024 * 1024
TIME_LIMIT_S = 2.0  # of processor time
# On a busy machine a renderer waits for its turn; only what it computes counts against it.
PATIENCE = 5


class Compile(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """First job of a renderer. Answered by `Compiled` or `Fault`.

    With a `tool_source`, that one renders the conversations that come with tools.
    """

    source: str
    special_tokens: dict[str, str]
    tool_source: str | None = None


class RenderJob(msgspec.Struct, frozen=True, array_like=True, tag=1):
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    kwargs: dict[str, str | int | float | bool | None]
    continues_final: bool


Job = Compile | RenderJob


class Text(msgspec.Struct, frozen=True, array_like=True, tag=0):
    text: str


class Compiled(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The variables that the templates read, and the words it takes for reasoning effort."""

    variables: tuple[str, ...]
    effort_levels: tuple[str, ...]


class Fault(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The job failed. If a `limit` is named, the process is spent and has to be replaced."""

    message: str
    limit: Literal["memory", "time", "process"] | None = None


Outcome = Text | Fault | Compiled
