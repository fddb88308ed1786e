"""The renderer process: compiles one chat template and renders it, and may be killed any time.

Run by `worker.render_host`. It reads jobs on standard input and answers on standard
output until the input ends. Memory is limited where the system can; opening files, connecting,
starting programs and importing are refused once it serves.
"""

import codecs
import contextlib
import faulthandler
import importlib
import io
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

import msgspec

from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.render_jobs import (
    LENGTH,
    MAX_MEMORY_BYTES,
    PATIENCE,
    TIME_LIMIT_S,
    Compile,
    Compiled,
    Fault,
    Job,
    Outcome,
    RenderJob,
    Text,
)
from velocity_local.worker.chat.templates import ChatTemplate, TemplateFault

_FORBIDDEN = ("open", "socket.", "os.", "subprocess.", "import", "ctypes.", "shutil.", "pty.")
# The host kills a renderer that is late; this is for one whose host has died as well.
_ORPHAN_LIMIT_S = 2 * PATIENCE * TIME_LIMIT_S


class Renderer:
    """Answers jobs one by one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._template: ChatTemplate | None = None
        self._tool_template: ChatTemplate | None = None

    def answer(self, job: Job) -> Outcome:
        try:
            match job:
                case Compile():
                    return self._compile(job)
                case RenderJob():
                    return self._render(job)
        except TemplateFault as fault:
            return Fault(str(fault))
        except MemoryError:
            return Fault("", "memory")

    def _compile(self, job: Compile) -> Outcome:
        plain = with_tools = ChatTemplate(job.source, job.special_tokens, self._now)
        if job.tool_source is not None:
            with_tools = ChatTemplate(job.tool_source, job.special_tokens, self._now)
        self._template, self._tool_template = plain, with_tools
        variables = sorted(plain.variables | with_tools.variables)
        return Compiled(tuple(variables), plain.effort_levels or with_tools.effort_levels)

    def _render(self, job: RenderJob) -> Outcome:
        template = self._tool_template if job.tools else self._template
        if template is None:
            return Fault("no template was compiled")
        text = template.render(
            message_dicts(job.messages, template.knows),
            tool_dicts(job.tools),
            job.kwargs,
            continues_final=job.continues_final,
        )
        return Text(text)


def main(*, orphan_limit_s: float = _ORPHAN_LIMIT_S) -> None:
    """Serve until the input ends."""
    jobs, outcomes = _binary_stdio()
    _limit_memory()
    forbid()
    renderer = Renderer(datetime.now)
    decoder = msgspec.msgpack.Decoder(Job)
    _send(outcomes, Text(""))
    while header := jobs.read(LENGTH.size):
        job = decoder.decode(jobs.read(LENGTH.unpack(header)[0]))
        faulthandler.dump_traceback_later(orphan_limit_s, exit=True)
        outcome = renderer.answer(job)
        faulthandler.cancel_dump_traceback_later()
        _send(outcomes, outcome)
        if isinstance(outcome, Fault) and outcome.limit:
            return


def _send(outcomes: BinaryIO, outcome: Outcome) -> None:
    body = msgspec.msgpack.encode(outcome)
    outcomes.write(LENGTH.pack(len(body)) + body)
    outcomes.flush()


def _binary_stdio() -> tuple[BinaryIO, BinaryIO]:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - this system only

        msvcrt.setmode(0, os.O_BINARY)
        msvcrt.setmode(1, os.O_BINARY)
    return io.BufferedReader(io.FileIO(0, closefd=False)), io.BufferedWriter(
        io.FileIO(1, "w", closefd=False)
    )


def _limit_memory() -> None:
    """An address-space limit; Windows has none and macOS may refuse: there the host watches."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - POSIX only

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def forbid() -> None:
    """Refuse from now on, for good, whatever reaches out of this process."""
    # What jinja2 would load at the first string literal and at the first fault.
    codecs.lookup("unicode_escape")
    importlib.import_module("jinja2.debug")

    def refuse(event: str, _arguments: tuple[object, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise TemplateFault(f"it tried to {event}")

    sys.addaudithook(refuse)
