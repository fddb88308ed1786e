"""The server that emits on a schedule, and what the lens makes of it. Values only, no times."""

import argparse

import pytest

from benchmarks.lens_accuracy import errors_ms, lateness, schedule_server
from velocity_local.lens import Concurrency, Lens, RunResult, Scenario, Synthetic, Target
from velocity_local.lens.results import CountSource


@pytest.fixture(scope="module")
def measured() -> tuple[RunResult, dict[str, float], argparse.Namespace]:
    arguments = argparse.Namespace(ttft_ms=2.0, itl_ms=1.0, tokens=5, streams=3)
    with schedule_server(arguments) as url:
        scenario = Scenario(
            target=Target(provider="openai_compatible", url=f"{url}/v1", model="m"),
            workload=Synthetic(prompt_tokens=8, output_tokens=5),
            load=Concurrency(streams=3, requests=9),
            warmup_requests=0,
        )
        return Lens(environ={}).run(scenario), lateness(url), arguments


def test_every_token_of_the_schedule_comes(
    measured: tuple[RunResult, dict[str, float], argparse.Namespace],
) -> None:
    result, server, _ = measured
    assert (result.n_requests, result.n_errors, result.n_output_tokens) == (9, {}, 45)
    assert server["n"] == 45
    for record in result.records:
        assert record.tokens is not None
        assert record.tokens.source is CountSource.SERVER
        assert record.ttft_ms is not None
        assert record.ttft_ms >= 2.0


def test_errors_are_distances_from_the_schedule(
    measured: tuple[RunResult, dict[str, float], argparse.Namespace],
) -> None:
    result, _, arguments = measured
    errors = errors_ms(result, arguments)
    assert len(errors["TTFT"]) == 9
    assert all(error >= 0 for values in errors.values() for error in values)
    first = result.records[0]
    assert errors["TTFT"][0] == pytest.approx((first.ttft_ms or 0) - 2.0)
