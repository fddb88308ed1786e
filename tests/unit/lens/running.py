"""Runs the lens against a server that answers as it is told."""

from tests.support.chat_server import Served
from velocity_local.lens.api import Lens
from velocity_local.lens.scenarios import Scenario, Synthetic, Target

LENS = Lens(environ={})


def scenario(served: Served, **more: object) -> Scenario:
    fields: dict[str, object] = {
        "target": Target(provider="openai_compatible", url=served.url, model="m"),
        "workload": Synthetic(prompt_tokens=8, output_tokens=4),
        "warmup_requests": 0,
        **more,
    }
    return Scenario(**fields)  # type: ignore[arg-type]  # each field by its name


LENS = Lens(environ={})
