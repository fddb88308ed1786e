import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Delta, EngineTimings, Failed, Finished, Started, Usage
from velocity_local.core.messages import Message, Tool
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc import messages as m
from velocity_local.wire.ipc.codec import (
    MAX_FRAME_BYTES,
    FrameError,
    FrameSplitter,
    decode_command,
    decode_report,
    encode,
)

REQUEST = GenerationRequest(
    id="r",
    model="demo",
    prompt=ChatPrompt((Message("user", "hé"),), (Tool("f", parameters={"type": "object"}),)),
    sampling=SamplingParams(seed=1, logit_bias=((3, -1.5),)),
    stop=("\n",),
)
LOAD = m.EngineLoad(1, 2, 3, 4.0)
COMMANDS: list[m.Command] = [
    m.Generate(1, REQUEST, (m.Resumed(0, (1, 2), text_chars=3),)),
    m.Cancel(1),
    m.Ping(9),
    m.Shutdown(),
]
REPORTS: list[m.Report] = [
    m.Step(
        (
            (1, Started(0, 5, 2)),
            (1, Delta(0, (1, 2), "hé")),
            (1, Finished(0, "stop", Usage(5, 2, 1), EngineTimings(1, 2, 3), "\n")),
            (2, Failed(1, ErrorInfo("worker_crashed", "gone", details={"n": 1}))),
        ),
        LOAD,
    ),
    m.Embedded(1, (b"\0\0\x80\x3f",), 3),
    m.Refused(1, ErrorInfo("template_error", "no")),
    m.Pong(9, LOAD),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: type(each).__name__)
def test_a_command_comes_back_as_it_was(command: m.Command) -> None:
    (body,) = FrameSplitter().feed(encode(command))
    assert decode_command(body) == command


@pytest.mark.parametrize("report", REPORTS, ids=lambda each: type(each).__name__)
def test_a_report_comes_back_as_it_was(report: m.Report) -> None:
    (body,) = FrameSplitter().feed(encode(report))
    assert decode_report(body) == report


@given(st.lists(st.integers(min_value=1, max_value=400), max_size=30))
def test_frames_are_found_whatever_pieces_the_bytes_arrive_in(cuts: list[int]) -> None:
    stream = b"".join(encode(report) for report in REPORTS)
    splitter, start = FrameSplitter(), 0
    bodies: list[bytes] = []
    for size in [*cuts, len(stream)]:
        bodies += splitter.feed(stream[start : start + size])
        start += size
    assert [decode_report(body) for body in bodies] == REPORTS


def test_a_frame_that_announces_too_much_is_refused_before_it_arrives() -> None:
    announced = (MAX_FRAME_BYTES + 1).to_bytes(4, "little")
    with pytest.raises(FrameError):
        list(FrameSplitter().feed(announced))


@given(st.binary(max_size=64))
def test_garbage_raises_only_frame_errors(body: bytes) -> None:
    try:
        decode_report(body)
    except FrameError:
        return
