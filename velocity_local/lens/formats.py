"""Results as files: JSON for people and other programs, MessagePack for size and speed, CSV out.

A file is somebody's data: it is checked in full before a figure is taken from it.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.release import RELEASE
from velocity_local.lens.results import FORMAT, HistogramData, RequestRecord, ResultFile, RunResult
from velocity_local.lens.results_csv import encode_csv

MAX_BYTES = 1 << 30
_FAMILY = FORMAT.partition("/")[0]


class BadResults(ValueError):
    """A file that holds no results, or broken ones; the message names it and says what is wrong."""


class _Head(msgspec.Struct):
    format: str


def encode_json(file: ResultFile) -> bytes:
    return msgspec.json.encode(file) + b"\n"


def encode_msgpack(file: ResultFile) -> bytes:
    return msgspec.msgpack.encode(file)


ENCODERS: dict[str, Callable[[ResultFile], bytes]] = {
    "json": encode_json,
    "msgpack": encode_msgpack,
    "csv": encode_csv,
}


def result_file(runs: Iterable[RunResult]) -> ResultFile:
    """Runs, with who wrote them."""
    return ResultFile(runs=tuple(runs), written_by=f"velocity-local {RELEASE}")


def decode(data: bytes, *, name: str = "the file") -> ResultFile:
    """Results from JSON or MessagePack, whichever it is.

    Raises:
        BadResults: naming `name`, and the field if one is to blame.
    """
    is_json = data.lstrip()[:1] == b"{"
    from_bytes = msgspec.json.decode if is_json else msgspec.msgpack.decode
    try:
        _check_format(from_bytes(data, type=_Head).format, name)
        file = from_bytes(data, type=ResultFile)
    except msgspec.ValidationError as error:
        raise BadResults(f"{name} holds no results of the lens: {error}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = f"{name} is neither JSON nor MessagePack that can be read: {error}"
        raise BadResults(message) from error
    for run in file.runs:
        _check(run, name)
    return file


def read(path: Path) -> ResultFile:
    """The results in a file.

    Raises:
        BadResults: if it cannot be read, or holds something else.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadResults(f"{path} is over {MAX_BYTES >> 20} MiB; keep histograms instead")
        data = path.read_bytes()
    except OSError as error:
        raise BadResults(f"cannot read {path}: {error.strerror}") from error
    return decode(data, name=str(path))


def write(path: Path, file: ResultFile) -> None:
    """Whole or not at all; `.msgpack` and `.csv` choose those formats, everything else is JSON.

    Raises:
        OSError: if it cannot be written; what was there stays.
    """
    encode = ENCODERS.get(path.suffix.lower().lstrip("."), encode_json)
    write_atomic(path, encode(file), mode=0o644)


def _check_format(found: str, name: str) -> None:
    family, _, version = found.partition("/")
    if family != _FAMILY:
        raise BadResults(f"{name} holds {found!r}; results of the lens say {FORMAT!r}")
    if found != FORMAT:
        raise BadResults(
            f"{name} has version {version!r} of the format and this release reads"
            f" {FORMAT.partition('/')[2]!r}: install the release that wrote it"
        )


def _check(run: RunResult, name: str) -> None:
    """What types do not say: every number is finite, every count adds up."""
    for record in run.records:
        if not math.isfinite(_sum(record)):
            raise BadResults(f"{name}: a time of request {record.index} of {run.id} is no number")
    if not math.isfinite(run.duration_s + run.started_at_s + (run.cost or 0.0)):
        raise BadResults(f"{name}: a time or the cost of run {run.id} is no number")
    if run.records and len(run.records) != run.n_requests:
        raise BadResults(
            f"{name}: run {run.id} says {run.n_requests} requests and holds {len(run.records)}"
        )
    for metric, data in run.histograms.items():
        _check_histogram(data, f"{name}: the histogram {metric} of run {run.id}")


def _check_histogram(data: HistogramData, name: str) -> None:
    if sum(data.counts.values()) != data.n:
        raise BadResults(f"{name} counts {sum(data.counts.values())} values and says {data.n}")
    if not math.isfinite(data.total + data.largest + data.unit) or data.smallest > data.largest:
        raise BadResults(f"{name} has impossible ends")


def _sum(record: RequestRecord) -> float:
    """Every time of it added up: not finite if one of them is not."""
    server = record.server
    times = (
        record.ttft_ms,
        record.ttfo_ms,
        record.e2e_ms,
        record.connect_ms,
        record.cost,
        *((server.queue_ms, server.load_ms, server.prefill_ms, server.decode_ms) if server else ()),
    )
    moments = record.intended_start_s + record.start_s + record.sent_s + record.retry_wait_ms
    known = sum(time for time in times if time is not None)
    return float(sum(record.itl_ms) + moments + known)
