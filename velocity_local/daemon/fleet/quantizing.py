"""Has models written in another type, each in a process of its own that may fail or be killed.

Owned by the event loop. The new file has its name only once its header has been looked over.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from velocity_local.config.atomic import sync_folder
from velocity_local.core.clock import Clock
from velocity_local.core.errors import (
    Conflict,
    DiskFull,
    InvalidRequest,
    ModelFailed,
    NotFound,
    VelocityError,
    from_info,
)
from velocity_local.core.ids import IdSource
from velocity_local.core.library import Quantization
from velocity_local.core.models import ModelEntry
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.adoption import checked_id
from velocity_local.daemon.catalog.files import UnreadableFile
from velocity_local.daemon.catalog.fit import BITS_PER_WEIGHT
from velocity_local.daemon.catalog.ggml_types import FILE_TYPES
from velocity_local.daemon.catalog.preflight import inspect
from velocity_local.daemon.fleet import packing
from velocity_local.wire.ipc.quantizing import (
    MAX_LINE_BYTES,
    QUANTIZING_MODULE,
    Quantize,
    Quantized,
)

COMMAND = (sys.executable, "-P", "-s", "-m", QUANTIZING_MODULE)
SOURCES = frozenset({"F32", "F16", "BF16"})
SPARE_BYTES = 256 * 1024 * 1024
_TYPES = {name: number for number, name in FILE_TYPES.items() if name in BITS_PER_WEIGHT}


class Catalog(Protocol):
    """The models on this machine."""

    async def entries(self) -> tuple[ModelEntry, ...]: ...

    async def resolve(self, name: str) -> ModelEntry: ...


class _Job:
    def __init__(self, identifier: str, source: ModelEntry, model: str, quantization: str) -> None:
        self.seen = Quantization(identifier, source.id, model, quantization, "running", 0, 0)
        self.source = source
        self.task: asyncio.Task[None] | None = None

    def change(self, **fields: object) -> None:
        self.seen = msgspec.structs.replace(self.seen, **fields)


class Quantizations:
    """Starts, tells and ends them; one at a time, for it takes all cores."""

    def __init__(
        self,
        models: Path,
        *,
        catalog: Catalog,
        refresh: Callable[[], Awaitable[object]],
        environment: Mapping[str, str],
        clock: Clock,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._models = models
        self._catalog = catalog
        self._refresh = refresh
        self._environment = dict(environment)
        self._command = command
        self._ids = IdSource(clock)
        self._jobs: dict[str, _Job] = {}

    async def start(self, name: str, quantization: str, identifier: str | None) -> Quantization:
        """Begin to write a model in another type, as `identifier` or beside itself.

        Raises:
            ModelNotFound: telling near names.
            InvalidRequest: if there is no such type, or the model has been quantized already.
            Conflict: if its name is taken, or another one is under way.
            DiskFull: if it does not fit.
        """
        source = await self._catalog.resolve(name)
        wanted = quantization.upper()
        _check(source, wanted)
        model = checked_id(identifier or _name_for(source, wanted))
        if any(job.seen.state == "running" for job in self._jobs.values()):
            raise Conflict("another model is being quantized; wait for it, or cancel it")
        if any(entry.id == model for entry in await self._catalog.entries()):
            raise Conflict(f"there is a model {model!r} already; give another name")
        self._check_room(source, wanted)
        job = _Job(self._ids.new("qz_"), source, model, wanted)
        self._jobs[job.seen.id] = job
        job.task = asyncio.create_task(self._run(job))
        return job.seen

    def get(self, identifier: str) -> Quantization:
        """Raises NotFound if there is none of that id."""
        return self._find(identifier).seen

    async def cancel(self, identifier: str) -> Quantization:
        """Raises NotFound if there is none of that id; one that has ended stays as it is."""
        job = self._find(identifier)
        if job.seen.state == "running" and job.task is not None:
            job.task.cancel()
            await asyncio.wait([job.task])
            if job.seen.state == "running":  # it was ended before it began
                job.change(state="cancelled")
        return job.seen

    async def close(self) -> None:
        for identifier in self._jobs:
            await self.cancel(identifier)

    async def _run(self, job: _Job) -> None:
        is_mlx = job.source.format == "mlx"
        target = self._models / (job.seen.model if is_mlx else f"{job.seen.model}.gguf")
        part = target.with_name(target.name + ".part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            await self._quantize(job, part)
            await asyncio.to_thread(packing.publish if is_mlx else _publish, part, target)
            await self._refresh()
            job.change(state="done")
        except VelocityError as error:
            job.change(state="failed", error=error.message)
        except OSError as error:
            job.change(state="failed", error=f"{target} cannot be written: {error.strerror}")
        except asyncio.CancelledError:
            job.change(state="cancelled")
            raise
        finally:
            if is_mlx:
                packing.remove(part)
            else:
                part.unlink(missing_ok=True)

    async def _quantize(self, job: _Job, part: Path) -> None:
        n_threads = os.cpu_count() or 1
        wanted = job.seen.quantization
        kind = wanted.lower() if job.source.format == "mlx" else ""
        order = Quantize(job.source.path, str(part), _TYPES.get(wanted, 0), n_threads, kind)
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environment,
            cwd=Path(sys.executable).anchor,
            limit=MAX_LINE_BYTES,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(order))
            process.stdin.close()
            await _follow(job, process)
        finally:
            if process.returncode is None:
                process.kill()
                # What it said before would keep its end from being noticed.
                await process.communicate()

    def _check_room(self, source: ModelEntry, quantization: str) -> None:
        import shutil  # noqa: PLC0415 - brings compressors that the start need not wait for

        bits = (BITS_PER_WEIGHT | packing.BITS_PER_WEIGHT)[quantization]
        needed = int(source.parameters * bits / 8 * 1.05) + SPARE_BYTES
        free = shutil.disk_usage(self._models).free
        if free < needed:
            raise DiskFull(
                f"{quantization} of {source.id!r} needs about {needed} bytes; {free} are free",
                details={"missing_bytes": needed, "free_bytes": free},
            )

    def _find(self, identifier: str) -> _Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise NotFound(f"nothing is quantized under the id {identifier[:80]!r}")
        return job


async def _follow(job: _Job, process: asyncio.subprocess.Process) -> None:
    """Return once the quantizer says that it is done.

    Raises:
        ModelFailed: with its reason, or because it ended without one.
    """
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            report = msgspec.json.decode(line, type=Quantized)
            if report.error is not None:
                raise from_info(report.error)
            if report.is_done:
                return
            job.change(done=report.done, total=report.total)
    except (msgspec.DecodeError, ValueError) as error:
        raise ModelFailed(f"the quantizer's answer makes no sense: {error}") from error
    raise ModelFailed(f"the quantizer ended with status {await process.wait()}")


def _publish(part: Path, target: Path) -> None:
    try:
        inspect(part)
    except (UnsoundFile, UnreadableFile) as error:
        raise ModelFailed(f"what the quantizer wrote is not sound: {error}") from error
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    sync_folder(target.parent)


def _check(source: ModelEntry, quantization: str) -> None:
    types = packing.BITS_PER_WEIGHT if source.format == "mlx" else _TYPES
    if quantization not in types:
        known = ", ".join(sorted(types))
        raise InvalidRequest(
            f"{quantization[:40]!r} is no type to quantize to; known: {known}", param="quantization"
        )
    if source.quantization.upper() not in SOURCES:
        raise InvalidRequest(
            f"{source.id!r} is {source.quantization}; quantizing it again would"
            " lose more than it saves. Take one of F32, F16 or BF16",
            param="model",
        )


def _name_for(source: ModelEntry, quantization: str) -> str:
    """The source's name with the other type in it; the demo's goes below `quantized`."""
    if source.format == "mlx":
        return packing.name_for(source, quantization)
    for known in SOURCES:
        for written in (known, known.lower()):
            if source.id.endswith(f"-{written}"):
                return f"{source.id.removesuffix(written)}{quantization}"
    return f"quantized/{source.id.replace('/', '-')}-{quantization}"
