"""Results survive every format, and what is no result is refused by name."""

import csv
import io
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from benchmarks.latencies import run
from velocity_local.lens import formats
from velocity_local.lens.formats import BadResults
from velocity_local.lens.histogram import Histogram
from velocity_local.lens.results import FORMAT, Metric, ResultFile
from velocity_local.lens.results_csv import COLUMNS
from velocity_local.lens.schema import results_schema

FILE = formats.result_file([run(1, n_requests=30), run(2, n_requests=3)])


def counted(n: int = 3) -> ResultFile:
    histogram = Histogram()
    histogram.add(5.0, times=n)
    histograms = {Metric.TTFT_MS: histogram.data()}
    return formats.result_file([run(1, n_requests=3, records=(), histograms=histograms)])


@pytest.mark.parametrize("suffix", ["json", "msgpack"])
@pytest.mark.parametrize("file", [FILE, counted()], ids=["records", "histograms"])
def test_a_file_reads_back_as_it_was(tmp_path: Path, suffix: str, file: ResultFile) -> None:
    path = tmp_path / f"results.{suffix}"
    formats.write(path, file)
    assert formats.read(path) == file


def test_messagepack_is_smaller() -> None:
    assert len(formats.encode_msgpack(FILE)) < 0.75 * len(formats.encode_json(FILE))


def test_csv_has_a_line_for_each_request() -> None:
    rows = list(csv.DictReader(io.StringIO(formats.ENCODERS["csv"](FILE).decode())))
    assert len(rows) == 33
    assert tuple(rows[0]) == COLUMNS
    first = FILE.runs[0].records[0]
    assert float(rows[0]["ttft_ms"]) == first.ttft_ms
    assert [float(v) for v in rows[0]["itl_ms"].split()] == pytest.approx(first.itl_ms, rel=1e-5)
    assert rows[0]["tokens_output"] == "48"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_csv_holds_no_formula(text: str) -> None:
    file = formats.result_file([run(1, n_requests=1, model=text)])
    (row,) = csv.DictReader(io.StringIO(formats.ENCODERS["csv"](file).decode(), newline=""))
    assert row["model"] == f"'{text}"


@pytest.mark.parametrize("file", [FILE, counted()], ids=["records", "histograms"])
def test_files_fit_the_published_schema(file: ResultFile) -> None:
    schema = results_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(msgspec.json.decode(formats.encode_json(file)))
    broken = msgspec.json.decode(formats.encode_json(file))
    broken["runs"][0]["cache_state"] = "lukewarm"
    assert not validator.is_valid(broken)
    assert not validator.is_valid({**broken, "format": "lens-results/2"})


def broken(**fields: object) -> bytes:
    document = msgspec.json.decode(formats.encode_json(counted()))
    document["runs"][0] |= fields
    return msgspec.json.encode(document)


HISTOGRAM = msgspec.to_builtins(counted().runs[0].histograms[Metric.TTFT_MS])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither JSON nor MessagePack"),
        (b"\xff\xff", "neither JSON nor MessagePack|no results"),
        (b"{", "neither JSON nor MessagePack"),
        (b"[]", "no results"),
        (b"{}", "missing required field `format`"),
        (b'{"format": "history/1"}', "results of the lens say 'lens-results/1'"),
        (b'{"format": "lens-results/9"}', "install the release that wrote it"),
        (b'{"format": "lens-results/1"}', "missing required field `runs`"),
        (b'{"format":"lens-results/1","x":' + b"[" * 200_000, "neither JSON nor MessagePack"),
        (broken(duration_s=-1), r"duration_s"),
        (broken(n_requests="3"), r"n_requests"),
        (broken(cache_state="hot"), r"cache_state"),
        (broken(histograms={"ttft_ms": HISTOGRAM | {"n": 4}}), "counts 3 values and says 4"),
        (broken(histograms={"ttft_ms": HISTOGRAM | {"unit": 0}}), r"unit"),
        (broken(histograms={"ttft_ms": HISTOGRAM | {"precision_bits": 99}}), "precision_bits"),
        (broken(histograms={"ttft_ms": HISTOGRAM | {"smallest": 9}}), "impossible ends"),
        (broken(histograms={"speed": HISTOGRAM}), "speed"),
    ],
)
def test_what_holds_no_results_is_refused_by_name(data: bytes, says: str) -> None:
    with pytest.raises(BadResults, match=f"(?s)^given.*({says})"):
        formats.decode(data, name="given")


def test_a_record_that_lies_about_its_run_is_refused() -> None:
    with pytest.raises(BadResults, match="says 5 requests and holds 3"):
        formats.decode(
            formats.encode_json(formats.result_file([run(1, n_requests=3)])).replace(
                b'"n_requests":3,"itl', b'"n_requests":5,"itl'
            )
        )


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["ttft_ms", "itl_ms", "start_s"])
def test_a_time_that_is_no_number_is_refused(field: str, number: float) -> None:
    made = run(1, n_requests=1)
    value = (number,) if field == "itl_ms" else number
    record = msgspec.structs.replace(made.records[0], **{field: value})
    file = formats.result_file([msgspec.structs.replace(made, records=(record,))])
    with pytest.raises(BadResults, match=r"no number|float"):
        formats.decode(formats.encode_msgpack(file))


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with pytest.raises(BadResults):
        formats.decode(data)


@given(st.integers(0, 3000), st.integers(1, 255))
def test_a_flipped_byte_is_read_or_refused(position: int, flip: int) -> None:
    data = bytearray(formats.encode_msgpack(counted()))
    data[position % len(data)] ^= flip
    try:
        file = formats.decode(bytes(data))
    except BadResults:
        return
    assert file.format == FORMAT


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadResults, match=r"none\.json"):
        formats.read(tmp_path / "none.json")
