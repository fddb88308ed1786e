"""The JSON Schema Test Suite: a schema is enforced or refused, and never taken and not kept."""

import json
from collections import Counter

import pytest

from tests.contract.schemas.conftest import Formats
from tests.contract.schemas.suite import DRAFTS, cases
from velocity_local.core.errors import RequestError

# Where a valid instance, as Python writes it, is not among the answers, and why that is right:
# an answer has one form where the instance has several.
NARROWER = {
    "allOf": "properties come in the order of the schema",
    "const": "properties in order; whole numbers have no decimal point",
    "date-time": "leap seconds need a table of them",
    "ecmascript-regex": "a line end or white space is left out rather than let in",
    "email": "quoted local parts and addresses of hosts",
    "enum": "whole numbers have no decimal point",
    "float-overflow": "1e308",
    "format": "the suite takes it for an annotation; here it is enforced",
    "id": "an instance's order of properties",
    "ipv6": "the forms with an IPv4 tail",
    "ref": "properties come in the order of the schema",
    "time": "leap seconds need a table of them",
    "type": "whole numbers have no decimal point",
    "zeroTerminatedFloats": "whole numbers have no decimal point",
}


@pytest.mark.parametrize("draft", DRAFTS)
def test_what_is_taken_is_enforced(draft: str, formats: Formats) -> None:
    counts: Counter[str] = Counter()
    not_kept, unexplained = [], set()
    for case in cases(draft):
        try:
            accepts = formats.of_schema(case.schema)
        except RequestError:
            counts["refused"] += 1
            continue
        counts["enforced"] += 1
        for description, instance, is_valid in case.instances:
            answer = json.dumps(instance, ensure_ascii=False, separators=(",", ":"))
            is_taken = accepts(answer)
            counts["instances"] += 1
            if is_taken and not is_valid:
                not_kept.append((case.name, description, answer))
            if is_valid and not is_taken:
                unexplained.add(case.name.partition(":")[0].rpartition("/")[2])
    print(f"{draft}: {dict(counts)}")
    assert not not_kept
    assert unexplained <= set(NARROWER)
    assert counts["enforced"] > 100
