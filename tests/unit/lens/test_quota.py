"""A token bucket, with the time told to it."""

import pytest

from velocity_local.lens.quota import TokenBucket


def test_a_minutes_worth_goes_at_once_then_the_rate_is_kept() -> None:
    bucket = TokenBucket(60, now_s=0)
    assert [bucket.claim(1, 0) for _ in range(60)] == [0.0] * 60
    assert bucket.claim(1, 0) == pytest.approx(1.0)
    assert bucket.claim(1, 0) == pytest.approx(2.0)
    assert bucket.claim(1, 10) == 0.0


def test_idle_time_saves_no_more_than_a_minute() -> None:
    bucket = TokenBucket(60, now_s=0)
    assert bucket.claim(60, 3600) == 0.0
    assert bucket.claim(30, 3600) == pytest.approx(30.0)
