"""`main`: read the settings, make sure to be the only daemon, then run one until it is stopped."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from velocity_local.config.errors import ConfigError
from velocity_local.config.load import Loaded, load
from velocity_local.config.logs import Log
from velocity_local.config.redact import Redactor
from velocity_local.config.runtime import InstanceLock, read_record
from velocity_local.config.secrets import ApiKeys, install_token, kv_key, load_keys
from velocity_local.core import killpoints
from velocity_local.daemon.bind import check_bind
from velocity_local.daemon.exits import Exit, StartError
from velocity_local.daemon.house import House, Secrets
from velocity_local.daemon.options import parse

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the daemon in this process; the exit status."""
    options = parse(arguments)
    gc.disable()  # nothing made while starting is garbage
    try:
        return _run_alone(load(overrides=options.overrides, file=options.config))
    except ConfigError as error:
        return _refuse(Exit.BAD_CONFIGURATION, str(error))
    except StartError as error:
        return _refuse(error.code, str(error))


def _run_alone(loaded: Loaded) -> int:
    """Hold the lock while the daemon runs.

    Raises:
        ConfigError: if folders or secrets are not as they must be.
        StartError: if another daemon runs, or the address cannot be had.
    """
    loaded.paths.create()
    lock = InstanceLock(loaded.paths.lock_file)
    if not lock.acquire_patiently():
        raise StartError(Exit.ALREADY_RUNNING, _who_runs(loaded))
    lock.sign(os.getpid())
    try:
        return _run_logged(loaded)
    finally:
        lock.release()


def _run_logged(loaded: Loaded) -> int:
    token = install_token(loaded.paths.token_file)
    kv = kv_key(loaded.paths.kv_key_file)
    keys = _api_keys(loaded)
    check_bind(loaded.settings.server, has_keys=bool(keys.keys))
    redactor = Redactor()
    redactor.register(token)
    log = Log(loaded.paths.daemon_log, loaded.settings.logs, redactor)
    log.open()
    killpoints.arm(loaded.kill_point or "")
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(House(loaded, Secrets(token, keys, kv), log).live())
    except StartError:
        raise
    except Exception:
        _log.exception("the daemon failed")
        raise
    finally:
        log.close()
    return Exit.STOPPED


def _api_keys(loaded: Loaded) -> ApiKeys:
    """The keys of the file in the settings, which must be there, or of the user's own."""
    named = loaded.settings.server.api_key_file
    if named is None:
        return load_keys(loaded.paths.api_keys_file)
    return load_keys(Path(named), must_exist=True)


def _who_runs(loaded: Loaded) -> str:
    record = read_record(loaded.paths.daemon_file)
    where = "" if record is None else f" (pid {record.pid}, {record.base_url})"
    return f"a daemon runs already{where}; stop it with: velocity-local stop"


def _refuse(code: Exit, reason: str) -> int:
    sys.stderr.write(f"velocity-local: {reason}\n")
    return code


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - there is none on Windows

    return uvloop.new_event_loop
