"""A gate's outcome as JUnit XML, which every CI system reads: one test case for each rule.

The shape is that of the Apache Ant JUnit task, as GitLab, Jenkins and GitHub's reporters take it.
"""

from xml.etree import ElementTree as ET

from velocity_local.core.printable import printable
from velocity_local.lens.gate import Check, Gate, Outcome


def junit(gate: Gate, *, name: str = "latency gate") -> str:
    """The document, with an XML declaration. An undecided rule is a skipped case."""
    suite = ET.Element("testsuite", name=_text(name))
    for check in gate.checks:
        _case(suite, check)
    if gate.answers.n_compared:
        _answers(suite, gate)
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("errors", "0")
    notes = [*gate.notes, *(f"differs: {one.name}" for one in gate.differences)]
    if notes:
        ET.SubElement(suite, "system-out").text = _text("\n".join(notes))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(check.condition), name=_text(check.rule)
    )
    if check.outcome is Outcome.FAILED:
        ET.SubElement(case, "failure", message=_text(check.message)).text = _text(check.message)
    elif check.outcome is not Outcome.PASSED:
        ET.SubElement(case, "skipped", message=_text(f"{check.outcome.value}: {check.message}"))
    else:
        ET.SubElement(case, "system-out").text = _text(check.message)


def _answers(suite: ET.Element, gate: Gate) -> None:
    case = ET.SubElement(suite, "testcase", classname="answers", name="the same as the baseline's")
    changed = gate.answers.changed
    if changed:
        message = f"{len(changed)} of {gate.answers.n_compared} prompts are answered otherwise"
        ET.SubElement(case, "failure", message=message).text = _text("\n".join(changed))


def _text(text: str) -> str:
    """XML 1.0 has no way to write most control characters: they become visible escapes."""
    return printable(text)
