"""A gate's outcome for machines and people: JUnit, Markdown, a webhook; hostile names stay text."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.latencies import Server, run
from tests.support.script_server import script_server
from velocity_local.lens.compare import compare
from velocity_local.lens.gate import Gate, judge
from velocity_local.lens.junit import junit
from velocity_local.lens.markdown import comparison_markdown, escape, gate_markdown
from velocity_local.lens.quantities import table
from velocity_local.lens.rules import parse_rules
from velocity_local.lens.webhook import NotTold, payload, tell

STEADY = Server(between_runs=0.0, drift=0.0)
BASE = run(1, STEADY)
SLOWER = run(3, replace(STEADY, slowdown=1.25))
RULES = parse_rules(["itl_ms:p50 <= +5%", "ttft_ms:p50 <= 900", "e2e_ms:p99 <= +5%"])
FAILED = judge([SLOWER], [BASE], rules=RULES)
NAMES = st.text(max_size=40)


def named(name: str) -> Gate:
    made = msgspec.structs.replace(SLOWER, workload=name, labels={name: name})
    base = msgspec.structs.replace(BASE, workload=name)
    return judge([made], [base], rules=parse_rules(["ttft_ms:p50 <= 900"]))


def test_junit_has_a_case_for_each_rule_and_one_for_answers() -> None:
    suite = ET.fromstring(junit(FAILED)).find("testsuite")
    assert suite is not None
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "4", "failures": "1", "skipped": "1", "errors": "0"}
    (failure,) = suite.iter("failure")
    assert "% worse, at least" in (failure.get("message") or "")
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "itl_ms:p50 <= +5%",
        "ttft_ms:p50 <= 900",
        "e2e_ms:p99 <= +5%",
        "the same as the baseline's",
    ]


@settings(max_examples=60)
@given(NAMES)
def test_junit_is_well_formed_whatever_things_are_called(name: str) -> None:
    suite = ET.fromstring(junit(named(name), name=name)).find("testsuite")
    assert suite is not None
    assert len(suite.findall("testcase")) == 2


@settings(max_examples=60)
@given(NAMES)
def test_markdown_keeps_its_tables_whatever_things_are_called(name: str) -> None:
    text = gate_markdown(named(f"{name}|x\n<b>@me"))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    assert "<b>" not in text


@given(st.text())
def test_escaped_text_has_no_markup(text: str) -> None:
    shown = escape(text)
    assert "\n" not in shown
    assert re.search(r"(?<!\\)(?:\\\\)*[|<>*_`\[\]]", shown) is None


def test_markdown_tells_outcome_and_figures() -> None:
    text = gate_markdown(FAILED)
    assert text.startswith("## Latency gate: failed\n")
    assert "| `itl_ms:p50 <= +5%` | ❌ failed |" in text
    assert "❔ undecided" in text


def test_a_comparison_is_a_table_with_its_differences() -> None:
    after = msgspec.structs.replace(SLOWER, model="other|model")
    text = comparison_markdown(compare([BASE], [after], quantities=table("itl_ms:p50")))
    assert re.search(r"\| `itl_ms:p50` \| .* \| \+2\d\.\d% \(.*\) \| .* \| \*\*worse\*\* \|", text)
    assert "| model | demo | other\\|model |" in text
    assert "one run on each side" in text


def test_the_webhook_gets_the_failed_rules() -> None:
    with script_server() as server:
        server.reply("204 No Content", b"")
        tell(f"{server.url}/secret", FAILED, subject="demo")
        ((line, headers, body),) = server.requests
    assert line.startswith("POST /secret ")
    assert {name.lower(): value for name, value in headers.items()}["content-type"] == (
        "application/json"
    )
    document = json.loads(body)
    assert document["schema"] == "velocity-local/lens-gate-webhook/1"
    assert [check["rule"] for check in document["failed"]] == ["itl_ms:p50 <= +5%"]
    assert "itl_ms:p50 <= +5%: " in document["text"]
    assert body == payload(FAILED, subject="demo")


@pytest.mark.parametrize("status", ["302 Found", "404 Not Found", "500 Internal Server Error"])
def test_a_refusal_names_the_host_and_not_the_secret_path(status: str) -> None:
    with script_server() as server:
        server.reply(status, b"", "Location: http://127.0.0.1:1/other")
        with pytest.raises(NotTold, match=rf"127\.0\.0\.1 answered {status[:3]}") as refused:
            tell(f"{server.url}/secret", FAILED, subject="demo")
        assert len(server.requests) == 1
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "nothing", "http://", "http://127.0.0.1:1/secret", "http://a b/"]
)
def test_an_address_that_cannot_be_told_is_refused(address: str) -> None:
    with pytest.raises(NotTold) as refused:
        tell(address, FAILED, subject="demo")
    assert "secret" not in str(refused.value)
