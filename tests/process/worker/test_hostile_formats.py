"""A hostile format costs its own request, and nothing that runs beside it."""

from pathlib import Path
from typing import Any

import pytest

from tests.process.worker.harness import Worker, answer, ask, chat, fake_worker
from velocity_local.core.events import Failed, Finished
from velocity_local.core.formats import AnswerFormat, GrammarFormat, JsonFormat, RegexFormat
from velocity_local.wire.ipc.messages import Refused, Step
from velocity_local.worker.backends.fake.script import Babble, Script

pytestmark = pytest.mark.process


def schema(value: Any) -> AnswerFormat:
    return JsonFormat(param="schema", schema=value)


def deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"type": "array", "items": value}
    return value


HOSTILE: list[AnswerFormat] = [
    schema({"$ref": "#"}),
    schema(deep(150)),
    schema({"type": "object", "properties": {f"p{i}": {} for i in range(5_000)}}),
    schema({"enum": [f"value {i}" for i in range(20_000)]}),
    schema({"type": "string", "pattern": "(a{1000}){1000}{1000}"}),
    schema({"type": "integer", "multipleOf": 999_999_937}),
    schema({"type": "string", "minLength": 10**9}),
    schema({"type": "array", "minItems": 2**40}),
    schema({"allOf": [{"minimum": 3}, {"maximum": 2}], "type": "integer"}),
    RegexFormat(param="regex", pattern="((((a{1,100}){1,100}){1,100}){1,100})"),
    RegexFormat(param="regex", pattern="(" * 30_000),
    GrammarFormat(param="grammar", source='start: x{1000}\nx: y{1000}\ny: "a"{1000}'),
    GrammarFormat(param="grammar", source="start: " + "(" * 30_000),
    GrammarFormat(param="grammar", source="root ::= " + "(" * 30_000),
]


def end_of(running: Worker, handle: int) -> Refused | Failed | Finished:
    while True:
        report = running.next()
        if isinstance(report, Refused) and report.handle == handle:
            return report
        if isinstance(report, Step):
            for owner, event in report.events:
                if owner == handle and isinstance(event, Failed | Finished):
                    return event


def test_each_ends_in_its_own_error_or_an_answer(tmp_path: Path) -> None:
    with fake_worker(tmp_path, Script(reply=Babble(mean_tokens=10**6))) as running:
        for handle, hostile in enumerate(HOSTILE, start=1):
            running.send(ask(handle, chat("hi"), format=hostile, max_tokens=50, parse_output=True))
            end = end_of(running, handle)
            if isinstance(end, Refused):
                assert end.error.code in ("invalid_format", "unsupported_parameter")
                assert end.error.param in ("schema", "regex", "grammar")
            running.send(ask(1000 + handle, chat("hi"), max_tokens=5))
            assert answer(running, 1000 + handle).finished.reason == "length"
        assert running.process.poll() is None
