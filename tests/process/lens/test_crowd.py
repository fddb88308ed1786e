"""One load made by two worker processes of Dask, against a server that answers as it is told."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.chat_server import HELLO, Served, serving
from velocity_local.lens.distributed import crowd as crowds
from velocity_local.lens.distributed.crowd import Crowd
from velocity_local.lens.errors import LensError, NoKey
from velocity_local.lens.events import Began, Ended, Event, Progress
from velocity_local.lens.loads import Concurrency, Poisson
from velocity_local.lens.results import Metric
from velocity_local.lens.scenarios import Scenario, Synthetic, Target

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with Crowd(2) as started:
        yield started


def scenario(served: Served, **more: object) -> Scenario:
    fields: dict[str, object] = {
        "target": Target(provider="openai_compatible", url=served.url, model="m"),
        "workload": Synthetic(prompt_tokens=8, output_tokens=4),
        "warmup_requests": 2,
        **more,
    }
    return Scenario(**fields)  # type: ignore[arg-type]  # each field by its name


def test_two_workers_make_one_run(crowd: Crowd) -> None:
    heard: list[Event] = []
    with serving(lambda _: HELLO) as served:
        load = Concurrency(streams=5, requests=41)
        result = crowd.run(scenario(served, load=load), listen=heard.append, series="s")
        prompts = {str(body["messages"]) for body in served.bodies}
        n_chats = served.n_chats
    assert (result.n_requests, result.n_errors, result.n_output_tokens) == (41, {}, 82)
    assert (n_chats, len(prompts)) == (43, 43), "no prompt is asked by both"
    assert result.histograms[Metric.TTFT_MS].n == 41
    assert (result.load.concurrency, result.load.detail["workers"]) == (5, 2)
    assert result.series == "s"
    assert [type(event) for event in heard if isinstance(event, Began | Ended)] == [Began, Ended]


def test_an_open_load_is_one_schedule(crowd: Crowd) -> None:
    with serving(lambda _: HELLO) as served:
        load = Poisson(rate_per_s=100, requests=20)
        result = crowd.run(scenario(served, load=load), listen=lambda _: None)
    assert result.n_requests == 20


def test_an_interrupted_run_keeps_what_all_have_measured(crowd: Crowd) -> None:
    def interrupt_once(event: Event) -> None:
        if isinstance(event, Progress) and event.n_done and not interrupted:
            interrupted.append(event)
            os.kill(os.getpid(), signal.SIGINT)

    interrupted: list[Event] = []
    with serving(lambda _: HELLO) as served:
        load = Concurrency(streams=2, duration_s=60)
        result = crowd.run(scenario(served, load=load), listen=interrupt_once)
    assert result.partial_reason == "interrupted"
    assert result.n_requests > sum(result.n_errors.values())
    assert result.duration_s < 60


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "CONNECT_TIMEOUT_S", 0.5)
    absent = Crowd(1, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(LensError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        absent.__enter__()


def test_what_a_worker_refuses_is_told_here(crowd: Crowd) -> None:
    load = Concurrency(streams=2, requests=2)
    with serving(lambda _: HELLO) as served:
        target = Target(provider="openai", url=served.url, model="m", key_env="NO_SUCH_KEY")
        keyless = scenario(served, target=target, load=load)
        with pytest.raises(NoKey, match="NO_SUCH_KEY"):
            crowd.run(keyless, listen=lambda _: None)
        result = crowd.run(scenario(served, load=load), listen=lambda _: None)
    assert result.n_errors == {}, "the crowd goes on after a run that failed"
