"""A run told to another program: what happens, as lines of JSON, and a way to end it early."""

import os
import threading
from collections.abc import Callable

import msgspec

from velocity_local.cli.output import Output
from velocity_local.lens.events import Answered, Ended, Event


class Told:
    """One line for each event; single requests are left out, so that telling costs the loop that
    measures next to nothing.

    A program that ends takes its pipes along: the end of `commands` ends the run. That works where
    there are no signals too, and nobody's load goes on without him.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._end: Callable[[], None] | None = None
        self._is_over = False

    def listen_to(self, commands: int, end: Callable[[], None]) -> None:
        """Call `end` once nothing more can come from the file of that number."""
        self._end = end
        threading.Thread(target=self._wait, args=(commands,), name="commands", daemon=True).start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Ended):
            small = msgspec.structs.replace(event.result, records=(), histograms={})
            event = Ended(small)
        if not isinstance(event, Answered):
            self._out.line(msgspec.json.encode(event).decode())
        if self._is_over:
            self._stop()

    def _wait(self, commands: int) -> None:
        # Not through a buffer: its lock would be held while the interpreter ends.
        while os.read(commands, 4096):
            pass
        self._is_over = True
        self._stop()

    def _stop(self) -> None:
        """Does nothing before the run has begun: then the next event does it."""
        if self._end is not None:
            self._end()
