"""The JSON schema of a results file: made from the types, published in `docs/`."""

from typing import Any

import msgspec

from velocity_local.lens.results import FORMAT, ResultFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def results_schema() -> dict[str, Any]:
    """The schema of `ResultFile`, draft 2020-12; `format` is fixed to the version it describes."""
    (schema,), components = msgspec.json.schema_components(
        [ResultFile], ref_template="#/$defs/{name}"
    )
    components["ResultFile"]["properties"]["format"] = {"const": FORMAT}
    components["ResultFile"]["required"] = ["runs", "written_by", "format"]
    head = {"$schema": DIALECT, "title": "Results of the latency lens"}
    return {**head, **schema, "$defs": components}


def results_schema_text() -> str:
    """As `results_schema`, as it is published."""
    data = msgspec.json.encode(results_schema(), order="deterministic")
    return msgspec.json.format(data, indent=2).decode() + "\n"
