"""Strikes the faults of a script when their cue comes."""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn

from velocity_local.worker.backends.fake.script import Fault
from velocity_local.worker.engine.backend import BackendError


class Faults:
    """Counts forward passes and tokens, and watches prompts."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._n_steps = 0
        self._n_tokens = 0

    def on_load(self) -> None:
        self._strike("load", at=0)

    def on_step(self) -> None:
        self._n_steps += 1
        self._strike("step", at=self._n_steps)

    def on_token(self) -> None:
        self._n_tokens += 1
        self._strike("tokens", at=self._n_tokens)

    def on_prompt(self, tokens: Sequence[int]) -> None:
        """`tokens` are those of a sequence up to the chunk just to be computed."""
        for fault in self._faults:
            if fault.when == "prompt" and fault.marker.encode() in _text(tokens):
                _strike(fault)

    def _strike(self, when: Literal["load", "step", "tokens"], *, at: int) -> None:
        for fault in self._faults:
            if fault.when == when and fault.count == at:
                _strike(fault)


def _text(tokens: Sequence[int]) -> bytes:
    return bytes(token for token in tokens if token < 256)


def _strike(fault: Fault) -> None:
    if fault.once is not None:
        if Path(fault.once).exists():
            return
        Path(fault.once).touch()
    if fault.do == "error":
        raise BackendError(fault.message)
    if fault.do == "hang":
        threading.Event().wait()
    _die(fault)


def _die(fault: Fault) -> NoReturn:
    if fault.do == "abort":
        os.abort()
    if fault.do == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault.do == "kill":
        # Windows has no SIGKILL; there any signal number ends the process at once.
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    os._exit(fault.exit_code)
