import pytest

from velocity_local.worker.engine.scheduler import StepLimits, plan

ROOMY = StepLimits(n_batch=512, tile=64, alone_rows=512, mixed_rows=128)


@pytest.mark.parametrize(
    ("pending", "limits", "expected"),
    [
        ([], ROOMY, []),
        ([1, 1, 1], ROOMY, [1, 1, 1]),
        ([300], ROOMY, [300]),
        ([900], ROOMY, [512]),
        ([300, 300, 300], ROOMY, [300, 212, 0]),
        ([900], ROOMY._replace(alone_rows=128), [128]),
        ([900], ROOMY._replace(alone_rows=200), [192]),
        ([1, 1, 1, 1, 900], ROOMY, [1, 1, 1, 1, 124]),
        ([1, 1, 1, 1, 900], ROOMY._replace(mixed_rows=64), [1, 1, 1, 1, 60]),
        ([1, 40, 1, 900], ROOMY, [1, 40, 1, 86]),
        ([1] * 64 + [900], ROOMY._replace(mixed_rows=64), [1] * 64 + [64]),
        ([1] * 70 + [900], ROOMY._replace(mixed_rows=64), [1] * 70 + [58]),
        ([1, 900], StepLimits(n_batch=4, tile=64, alone_rows=4, mixed_rows=4), [1, 3]),
        ([900], StepLimits(n_batch=4, tile=64, alone_rows=4, mixed_rows=4), [4]),
    ],
    ids=[
        "nobody",
        "all decode",
        "a prompt alone",
        "a long prompt alone",
        "several prompts, first come first served",
        "a slow machine",
        "whole tiles only",
        "four decode, rows fill tiles",
        "four decode, a tight stall target",
        "a short prompt and a long one",
        "a whole tile decodes",
        "more than a tile decodes",
        "a batch smaller than a tile, mixed",
        "a batch smaller than a tile, alone",
    ],
)
def test_plan(pending: list[int], limits: StepLimits, expected: list[int]) -> None:
    assert plan(pending, limits) == expected


def test_whoever_waits_in_prefill_gets_on_beside_any_number_that_decode() -> None:
    for n_decoding in range(1, 512):
        counts = plan([*[1] * n_decoding, 900], ROOMY)
        assert counts[-1] >= 1
        assert sum(counts) <= 512
