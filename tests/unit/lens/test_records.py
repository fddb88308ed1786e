"""What a record says of an observation."""

from array import array

import pytest

from velocity_local.lens.jobs import Check
from velocity_local.lens.measure import Observation
from velocity_local.lens.providers.port import Counts, TokenClock
from velocity_local.lens.records import Asked, record_of
from velocity_local.lens.results import CacheState, CheckOutcome, CountSource, ItlKind


def asked(max_tokens: int | None = None, check: Check | None = None) -> Asked:
    return Asked(
        index=3,
        intended_s=1.0,
        started_s=1.5,
        sent_s=2.0,
        cache_state=CacheState.COLD,
        max_tokens=max_tokens,
        check=check,
    )


def seen(*arrivals_s: float, counts: Counts | None = None, **more: object) -> Observation:
    observation = Observation(
        sent_s=10.0,
        end_s=11.0,
        first_s=arrivals_s[0] if arrivals_s else None,
        piece_s=array("d", arrivals_s),
        counts=counts or Counts(),
        finish_reason="stop",
        texts={"text": ["Hello"]},
    )
    for name, value in more.items():
        setattr(observation, name, value)
    return observation


def test_times_run_from_sending_and_waits_from_the_intended_start() -> None:
    record = record_of(asked(), seen(10.2, 10.3, 10.5))
    assert record.ttft_ms == pytest.approx(200)
    assert record.e2e_ms == pytest.approx(1000)
    assert record.itl_ms == pytest.approx((100, 200))
    assert record.wait_ms == pytest.approx(1000)


def test_the_servers_clock_gives_times_between_tokens() -> None:
    clocks = [TokenClock(1, 0.0), TokenClock(2, 10.0), TokenClock(4, 40.0)]
    record = record_of(asked(), seen(10.2, 10.3, clocks=clocks))
    assert record.itl_kind is ItlKind.TOKEN
    assert record.itl_ms == pytest.approx((10, 15, 15))


def test_reasoning_is_kept_apart() -> None:
    record = record_of(asked(), seen(10.2, 10.9, first_output_s=10.9))
    assert record.ttft_ms == pytest.approx(200)
    assert record.ttfo_ms == pytest.approx(900)


HONEST = Counts(prompt=5, completion=3)
LIES = [
    ("no token for three chunks", Counts(5, 0), None),
    ("a negative count", Counts(5, -7), None),
    ("more than were asked for", Counts(5, 4000), 64),
    ("more cached than there were", Counts(5, 3, cached=50), None),
    ("a tenth of the chunks", Counts(5, 1), None),
]


def test_the_servers_count_is_taken() -> None:
    tokens = record_of(asked(), seen(10.2, 10.3, 10.4, counts=HONEST)).tokens
    assert tokens is not None
    assert (tokens.source, tokens.prompt, tokens.output) == (CountSource.SERVER, 5, 3)


@pytest.mark.parametrize(("counts", "most"), [pytest.param(c, m, id=n) for n, c, m in LIES])
def test_a_count_that_cannot_be_is_not_taken(counts: Counts, most: int | None) -> None:
    arrivals_s = [10.2 + i / 100 for i in range(20)]
    tokens = record_of(asked(most), seen(*arrivals_s, counts=counts)).tokens
    assert tokens is not None
    assert (tokens.source, tokens.output) == (CountSource.CHUNKS, 20)


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        (None, CheckOutcome.NONE),
        (Check(contains="ell"), CheckOutcome.PASSED),
        (Check(contains="bye"), CheckOutcome.FAILED),
        (Check(matches="^H.*o$"), CheckOutcome.PASSED),
        (Check(matches="^x"), CheckOutcome.FAILED),
        (Check(digest="0"), CheckOutcome.FAILED),
    ],
)
def test_an_answer_is_checked(check: Check | None, outcome: CheckOutcome) -> None:
    assert record_of(asked(check=check), seen(10.2)).check is outcome
