"""Puts together what measures models, from the daemon's settings and folders."""

from collections.abc import Callable

from velocity_local.config.load import Loaded
from velocity_local.core.clock import Clock
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.process import worker_command
from velocity_local.daemon.fleet.tuning.jobs import Fleet, Models, Tunings
from velocity_local.daemon.fleet.tuning.policy import LoadPolicy
from velocity_local.daemon.telemetry.identity import machine_identity


def tunings_of(
    loaded: Loaded, *, models: Models, fleet: Callable[[], Fleet], clock: Clock
) -> Tunings:
    """`fleet` is asked for when something is measured, not before."""
    store = TunedStore(loaded.paths.tuned_file, machine=machine_identity())
    return Tunings(
        models=models,
        fleet=fleet,
        policy=LoadPolicy(loaded.settings.engine, loaded.origins, store),
        store=store,
        command=worker_command(),
        environment=worker_environment(),
        log_folder=loaded.paths.worker_log_dir,
        clock=clock,
    )
