"""The threads that do a worker's text work, so that the engine's thread need not."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import assert_never

from velocity_local.core.clock import Clock
from velocity_local.core.errors import ErrorInfo, InternalError, TemplateError, VelocityError
from velocity_local.core.queueing import not_begun
from velocity_local.core.requests import ChatPrompt
from velocity_local.wire.ipc.messages import (
    AnyReport,
    Detokenize,
    Embed,
    Generate,
    KvAsk,
    Refused,
    Render,
    Tokenize,
)
from velocity_local.worker.embeddings import EmbeddingJob
from velocity_local.worker.kv_answers import KvQuestion
from velocity_local.worker.preparation import Preparation, Prepared
from velocity_local.worker.render_host import RenderHost

TextCommand = Generate | Embed | Tokenize | Detokenize | Render | KvAsk
ForTheLoop = Prepared | EmbeddingJob | KvQuestion | Refused

_log = logging.getLogger(__name__)


class Lanes:
    """Answers commands, or makes them ready for the engine's loop and delivers them there.

    There are four, each in its own order: a slow template holds up only chats, a long text to
    count holds up no prompt, and a grammar that is slow to compile only what needs a grammar.
    Waiting for them is waiting: what may wait no longer when its turn comes is not prepared.
    """

    def __init__(
        self,
        preparation: Preparation,
        host: RenderHost,
        *,
        clock: Clock,
        deliver: Callable[[ForTheLoop], None],
        answer: Callable[[AnyReport], None],
    ) -> None:
        self._preparation = preparation
        self._clock = clock
        self._host = host
        self._deliver = deliver
        self._answer = answer
        self._chats = _Lane("chats")
        self._texts = _Lane("texts")
        self._others = _Lane("others")
        self._grammars = _Lane("grammars")

    def start(self) -> None:
        """Start the threads; the template is compiled before anybody needs it."""
        self._chats.put(self._compile_template)
        for lane in (self._chats, self._texts, self._others, self._grammars):
            lane.start()

    def take(self, command: TextCommand) -> None:
        """Queue a command; any thread may."""
        self._lane_of(command).put(partial(self._handle, command, self._clock.monotonic_s()))

    def _lane_of(self, command: TextCommand) -> "_Lane":
        match command:
            case Generate():
                is_chat = isinstance(command.request.prompt, ChatPrompt)
                return self._chats if is_chat else self._texts
            case Render() | KvAsk():
                return self._chats
            case Embed() | Tokenize() | Detokenize():
                return self._others
            case _:
                assert_never(command)

    def _compile_template(self) -> None:
        try:
            self._host.prepare()
        except TemplateError as error:
            _log.warning("chats with this model will be refused: %s", error.message)

    def _handle(self, command: TextCommand, arrived_s: float) -> None:
        with self._refusing(command):
            self._check_patience(command, arrived_s)
            result = self._work(command)
            if isinstance(result, Prepared):
                self._on_prepared(command, result.since(arrived_s), arrived_s)
            elif isinstance(result, EmbeddingJob):
                result.arrived_s = arrived_s
                self._deliver(result)
            elif isinstance(result, KvQuestion):
                self._deliver(result)
            else:
                self._answer(result)

    def _on_prepared(self, command: TextCommand, prepared: Prepared, arrived_s: float) -> None:
        if prepared.situation is None:
            self._deliver(prepared)
            return
        assert isinstance(command, Generate)
        self._grammars.put(partial(self._constrain, command, prepared, arrived_s))

    def _constrain(self, command: Generate, prepared: Prepared, arrived_s: float) -> None:
        with self._refusing(command):
            self._check_patience(command, arrived_s)
            self._deliver(self._preparation.constrain(command, prepared))

    def _check_patience(self, command: TextCommand, arrived_s: float) -> None:
        if not isinstance(command, Generate | Embed):
            return
        terms = command.request.queue
        if terms.timeout_s is not None and self._clock.monotonic_s() - arrived_s >= terms.timeout_s:
            raise not_begun(terms)

    @contextmanager
    def _refusing(self, command: TextCommand) -> Iterator[None]:
        try:
            yield
        except VelocityError as error:
            self._refuse(command.handle, error.info())
        except Exception:  # noqa: BLE001 - supervisor
            _log.exception("preparing request %d failed", command.handle)
            self._refuse(command.handle, internal("preparing the request"))

    def _work(self, command: TextCommand) -> Prepared | EmbeddingJob | KvQuestion | AnyReport:
        preparation = self._preparation
        match command:
            case Generate():
                return preparation.generate(command)
            case Embed():
                return preparation.embed(command)
            case Tokenize():
                return preparation.tokenize(command)
            case Detokenize():
                return preparation.detokenize(command)
            case Render():
                return preparation.render(command)
            case KvAsk():
                return preparation.kv_question(command)
            case _:
                assert_never(command)

    def _refuse(self, handle: int, error: ErrorInfo) -> None:
        """Tell the caller at once, and the loop that nothing will come of it."""
        refused = Refused(handle, error)
        self._answer(refused)
        self._deliver(refused)


def internal(doing: str) -> ErrorInfo:
    """A fault of ours, as the caller sees it."""
    return InternalError(f"a fault while {doing}; the worker's log tells more").info()


class _Lane:
    """One thread; what is put is called one by one, and must not raise."""

    def __init__(self, name: str) -> None:
        self._items: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, call: Callable[[], None]) -> None:
        self._items.put(call)

    def _run(self) -> None:
        while True:
            self._items.get()()
