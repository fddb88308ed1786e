"""A worker process from its first command to its exit code: pipes, loading, serving."""

import gc
import logging
import os
import queue
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING

from velocity_local.core.clock import Clock
from velocity_local.core.errors import (
    ErrorInfo,
    ModelError,
    ModelFailed,
    OutOfMemory,
    VelocityError,
)
from velocity_local.wire.ipc.messages import (
    PROTOCOL_VERSION,
    Detokenize,
    Embed,
    Generate,
    KvAsk,
    Load,
    Loaded,
    LoadFailed,
    Refused,
    Render,
    Shutdown,
    Tokenize,
    Tune,
    Tuned,
)
from velocity_local.wire.ipc.transport import Closed, CommandReader, Incoming, ReportWriter
from velocity_local.worker.backends import registry
from velocity_local.worker.drafting import load_draft, with_draft
from velocity_local.worker.engine.backend import Backend, BackendError, NoMemoryError
from velocity_local.worker.exit_codes import EXIT_LOAD_FAILED, EXIT_OK, EXIT_PROTOCOL
from velocity_local.worker.render_host import RenderHost

if TYPE_CHECKING:
    from velocity_local.worker.service import Inbox, WorkerService

# How long an orderly end may take once the daemon is gone.
_ORPHAN_GRACE_S = 1.0
# A lane that renders or replays may keep the engine's thread waiting this long, not 5 ms.
_GIL_TURN_S = 0.0005
_SERVICE = "velocity_local.worker.service"

_log = logging.getLogger(__name__)


def serve(read_fd: int, write_fd: int, clock: Clock) -> int:
    """Be a worker until told to stop or left alone; the process's exit code."""
    gc.disable()  # nothing made while loading is garbage
    sys.setswitchinterval(_GIL_TURN_S)
    process = _Process(write_fd, clock)
    process.writer.start()
    CommandReader(read_fd, process.deliver).start()
    process.host.start()
    try:
        return process.run()
    finally:
        process.host.close()
        process.writer.close()


class _Process:
    """What lives as long as the process; the model's service comes once it is loaded."""

    def __init__(self, write_fd: int, clock: Clock) -> None:
        self.writer = ReportWriter(write_fd)
        self.host = RenderHost(clock=clock)
        self._clock = clock
        self._inbox: Inbox = queue.SimpleQueue()
        self._service: WorkerService | None = None

    def deliver(self, item: Incoming) -> None:
        """On the reader's thread."""
        self._inbox.put(item)
        if self._service is not None:
            self._service.notice(item)
        elif isinstance(item, Generate | Embed | Tokenize | Detokenize | Render | KvAsk):
            error = ModelError("the model is still loading; wait until it is loaded")
            self.writer.send(Refused(item.handle, error.info()))
        if isinstance(item, Closed):
            _end_soon()

    def run(self) -> int:
        """Load what the first command says, then serve it; or measure it."""
        first = self._inbox.get()
        if isinstance(first, Closed | Shutdown):
            return EXIT_OK
        if isinstance(first, Tune):
            return self._measure(first)
        if not isinstance(first, Load):
            _log.error("the first command must be Load, not %s", first)
            return EXIT_PROTOCOL
        try:
            backend = _load(first)
            draft = load_draft(backend, first.options)
            from velocity_local.worker.service import WorkerService  # noqa: PLC0415 - see `_load`

            service = WorkerService(
                backend,
                self._inbox,
                self.writer,
                self.host,
                self._clock,
                stall_target_ms=first.options.stall_target_ms,
                kv=first.kv,
                speculation=first.options.speculation,
                draft=draft,
                pass_ms=first.options.pass_ms,
            )
        except Exception as error:  # noqa: BLE001 - supervisor
            _log.exception("loading %s failed", first.path)
            self.writer.send(LoadFailed(_load_error(error)))
            return EXIT_LOAD_FAILED
        return self._serve(service, backend, draft)

    def _measure(self, command: Tune) -> int:
        from velocity_local.worker.measuring import measured  # noqa: PLC0415 - only now and then

        try:
            result = measured(command, self.writer, self._clock)
        except Exception as error:  # noqa: BLE001 - supervisor
            _log.exception("measuring %s failed", command.path)
            self.writer.send(LoadFailed(_load_error(error)))
            return EXIT_LOAD_FAILED
        self.writer.send(Tuned(result))
        return EXIT_OK

    def _serve(self, service: "WorkerService", backend: Backend, draft: Backend | None) -> int:
        gc.enable()
        gc.freeze()  # the model's objects stay: later collections need not look at them
        service.start()
        self._service = service
        self.writer.send(Loaded(with_draft(backend.loaded, draft), os.getpid()))
        try:
            return service.run()
        finally:
            backend.close()
            if draft is not None:
                draft.close()


def _load(command: Load) -> Backend:
    if command.protocol != PROTOCOL_VERSION:
        raise ModelFailed(
            f"daemon speaks protocol {command.protocol}, worker {PROTOCOL_VERSION}; "
            "restart the daemon"
        )
    load = registry.loader(command.options.backend)
    # The engine's library computes without the interpreter: what serves the model comes meanwhile.
    threading.Thread(target=import_module, args=(_SERVICE,), daemon=True).start()
    return load(command.path, command.options)


def _load_error(error: Exception) -> ErrorInfo:
    match error:
        case VelocityError():
            return error.info()
        case NoMemoryError():
            return OutOfMemory(str(error)).info()
        case MemoryError():
            return OutOfMemory("not enough memory to load the model").info()
        case BackendError() | OSError():
            return ModelFailed(str(error)).info()
        case _:
            return ModelFailed(f"loading failed: {type(error).__name__}: {error}").info()


def _end_soon() -> None:
    """The daemon is gone: nobody waits for native code that may run for long."""
    timer = threading.Timer(_ORPHAN_GRACE_S, os._exit, (EXIT_OK,))
    timer.daemon = True
    timer.start()
