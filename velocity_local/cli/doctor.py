"""The verb doctor: the machine, the engine that was built for it, and what would help.

What it prints can be shared: no user, host, path, address or prompt is in it.
"""

import sys
from pathlib import Path

import msgspec

from velocity_local.cli import machine
from velocity_local.cli.advice import Advice, Findings, advise
from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.cli.machine import EngineBuild, Machine
from velocity_local.client import api
from velocity_local.client.errors import ClientError
from velocity_local.config import load
from velocity_local.config.errors import ConfigError
from velocity_local.config.settings import EngineSettings, Settings
from velocity_local.core.release import RELEASE
from velocity_local.core.units import size


class DaemonState(msgspec.Struct, frozen=True):
    """The daemon as far as it concerns speed; `devices` are those that models are loaded on."""

    is_running: bool
    is_ready: bool = False
    degraded: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


def doctor(call: Call) -> int:
    """Look, then advise. What cannot be looked at is told, and does not end the command."""
    found = machine.look(call.environ)
    build = _impersonal(machine.engine_build(Path(sys.prefix)))
    settings, config_problem = _settings(call)
    findings = Findings(found, build, settings.engine, machine.instruction_flags())
    advice = advise(findings)
    if config_problem:
        advice.insert(
            0, Advice("the configuration cannot be used", "velocity-local config validate")
        )
    daemon = _daemon(call)
    if call.args.json:
        _print_json(call, findings, daemon, advice)
    else:
        _print(call, findings, daemon, advice)
    return Exit.OK


def _impersonal(build: EngineBuild | None) -> EngineBuild | None:
    """Options may name the user's own folders."""
    if build is None:
        return None
    arguments = build.cmake_args.replace(str(Path.home()), "~")
    return msgspec.structs.replace(build, cmake_args=arguments)


def _settings(call: Call) -> tuple[Settings, bool]:
    try:
        return load.load(environ=call.environ).settings, False
    except ConfigError:
        return Settings(), True


def _daemon(call: Call) -> DaemonState:
    local = call.local()
    try:
        record = local.record()
        if record is None:
            return DaemonState(is_running=False)
        client = local.client(record)
        status = api.status(client)
        loaded = [model.loaded for model in api.models(client) if model.loaded is not None]
    except (ClientError, ConfigError):
        return DaemonState(is_running=False, degraded=("it does not answer",))
    return DaemonState(
        is_running=True,
        is_ready=status.is_ready,
        degraded=status.degraded,
        devices=tuple(sorted({one.device for one in loaded})),
    )


def _print_json(call: Call, found: Findings, daemon: DaemonState, advice: list[Advice]) -> None:
    call.out.json(
        "doctor/1",
        version=RELEASE,
        machine=found.machine,
        engine=found.build,
        settings={"engine": found.engine},
        daemon=daemon,
        advice=advice,
    )


def _print(call: Call, found: Findings, daemon: DaemonState, advice: list[Advice]) -> None:
    call.out.fields(
        {"velocity-local": RELEASE}
        | _machine_fields(found.machine)
        | _engine_fields(found.build, found.engine)
        | _daemon_fields(daemon)
    )
    call.out.line()
    if not advice:
        call.out.line("Nothing found that would make it faster.")
    for one in advice:
        call.out.line(f"- {one.finding}")
        call.out.line(f"  {one.action}")


def _machine_fields(found: Machine) -> dict[str, str]:
    cpu = found.processor
    gpus = [
        f"{gpu.name}{f', {size(gpu.memory_bytes)}' if gpu.memory_bytes else ''}"
        for gpu in found.gpus
    ]
    return {
        "system": f"{found.system}, Python {found.python}",
        "processor": f"{cpu.name} ({cpu.architecture})",
        "cores": f"{cpu.cores or '?'} cores, {cpu.threads or '?'} threads",
        "instructions": " ".join(cpu.instructions),
        "memory": f"{size(found.memory.total_bytes)}, {size(found.memory.available_bytes)} free",
        "GPU": "; ".join(gpus) or f"none: {found.gpu_reason}",
    }


def _engine_fields(build: EngineBuild | None, engine: EngineSettings) -> dict[str, str]:
    threads = {"engine threads": str(engine.n_threads) if engine.n_threads else ""}
    if build is None:
        return {"engine": "installed by other means than the set-up"} | threads
    return {
        "engine": f"{build.package} {build.version}, built for {build.backend}",
        "compiler": build.compiler,
        "build options": build.cmake_args,
    } | threads


def _daemon_fields(daemon: DaemonState) -> dict[str, str]:
    if not daemon.is_running:
        return {"daemon": "; ".join(daemon.degraded) or "does not run"}
    return {
        "daemon": "ready" if daemon.is_ready else "runs, no model ready",
        "device": ", ".join(daemon.devices),
        "degraded": "; ".join(daemon.degraded),
    }
