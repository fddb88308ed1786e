"""A worker that measures instead of serving: how its model runs best on this machine."""

import psutil

from velocity_local.core.clock import Clock
from velocity_local.core.errors import InvalidRequest, ModelFailed
from velocity_local.core.tuning import TunePlan, TuneResult
from velocity_local.wire.ipc.messages import PROTOCOL_VERSION, Tune, Tuning
from velocity_local.wire.ipc.transport import ReportWriter
from velocity_local.worker.backends import registry
from velocity_local.worker.tuning.candidates import Machine
from velocity_local.worker.tuning.search import Search
from velocity_local.worker.tuning.trial import Bench


def measured(command: Tune, writer: ReportWriter, clock: Clock) -> TuneResult:
    """Measure what the command says, and tell how far it is.

    Raises:
        BackendError: if the model cannot be loaded or run as it is.
        InvalidRequest: if it writes no text.
    """
    if command.protocol != PROTOCOL_VERSION:
        raise ModelFailed("daemon and worker are of different versions; restart the daemon")
    bench = registry.open_bench(command.path, command.plan.options)
    try:
        machine = _machine(bench, command.plan)
        search = Search(
            bench,
            command.plan,
            machine,
            clock=clock,
            report=lambda status: writer.send(Tuning(status)),
        )
        return search.run()
    finally:
        bench.close()


def _machine(bench: Bench, plan: TunePlan) -> Machine:
    backend = bench.open(plan.options)
    try:
        if not backend.capabilities.can_generate:
            raise InvalidRequest("only models that write text can be tuned", param="model")
        n_threads = backend.loaded.n_threads
    finally:
        backend.close()
    logical = psutil.cpu_count() or 1
    return Machine(psutil.cpu_count(logical=False) or logical, logical, n_threads)
