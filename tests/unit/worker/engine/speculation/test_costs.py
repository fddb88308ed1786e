"""What passes cost, from what was measured; and what guessing may cost."""

from itertools import pairwise

from velocity_local.worker.engine.speculation.acceptance import Acceptance
from velocity_local.worker.engine.speculation.allowance import AT_FIRST, MOST, Allowance
from velocity_local.worker.engine.speculation.costs import STALE_AFTER_PASSES, PassCosts


def test_a_size_is_worth_what_was_measured() -> None:
    costs = PassCosts()
    costs.observe(1, 100, 8.0)
    costs.observe(16, 100, 56.0)
    assert costs.relative(16, 1, 100) == 7.0
    assert costs.relative(1, 1, 100) == 1.0


def test_between_two_sizes_and_at_other_depths_it_is_estimated() -> None:
    costs = PassCosts()
    costs.observe(1, 100, 8.0)
    costs.observe(3, 100, 24.0)
    assert costs.relative(2, 1, 100) == 2.0
    costs.observe(1, 5000, 20.0)
    assert costs.relative(2, 1, 5000) == 2.0


def test_what_nobody_measured_is_unknown() -> None:
    costs = PassCosts()
    assert costs.relative(2, 1, 100) is None
    costs.observe(1, 100, 8.0)
    assert costs.relative(2, 1, 100) is None
    assert costs.ms(1, 100) == 8.0
    assert costs.ms(1, 5000) is None


def test_one_slow_pass_of_three_is_ignored() -> None:
    costs = PassCosts()
    for ms in (8.0, 80.0, 8.2):
        costs.observe(1, 100, ms)
    assert costs.ms(1, 100) == 8.2


def test_a_size_seen_once_is_unknown_again_after_a_while() -> None:
    costs = PassCosts()
    costs.observe(16, 100, 500.0)
    for _ in range(STALE_AFTER_PASSES + 1):
        costs.observe(1, 100, 8.0)
    assert costs.relative(16, 1, 100) is None
    assert costs.relative(1, 1, 100) == 1.0


def test_losses_end_guessing_until_they_are_made_up_for() -> None:
    allowance = Allowance()
    assert allowance.may_risk(30.0)
    allowance.guessed(0.0, AT_FIRST + 1, is_probe=False)
    assert not allowance.may_risk(0.5)
    for _ in range(1000):
        allowance.plain()
    assert allowance.may_risk(0.5)


def test_savings_are_kept_up_to_a_bound() -> None:
    allowance = Allowance()
    for _ in range(100):
        allowance.guessed(10.0, 1.0, is_probe=False)
    allowance.guessed(0.0, MOST + 1, is_probe=False)
    assert not allowance.may_risk(0.5)


def test_tries_have_an_account_of_their_own() -> None:
    allowance = Allowance()
    before = allowance.for_probes
    allowance.guessed(1.0, 6.0, is_probe=True)
    assert allowance.for_probes == before - 5.0
    assert allowance.may_risk(AT_FIRST)


def test_a_rate_is_learnt_and_passed_on() -> None:
    model = Acceptance()
    first = Acceptance(model)
    for _ in range(200):
        first.saw(4, is_hit=False)
    assert first.rate(4) < 0.05
    assert Acceptance(model).rate(4) < 0.05
    assert Acceptance(model).rate(40) > 0.8


def test_chances_fall_along_a_draft_and_grow_with_the_match() -> None:
    acceptance = Acceptance()
    chances = acceptance.chances(28, 40)
    assert all(left > right for left, right in pairwise(chances))
    assert chances[0] == acceptance.rate(28)
    assert chances[4] == chances[3] * acceptance.rate(32)
    assert acceptance.rate(32) > acceptance.rate(31)


def test_a_draft_ends_where_it_is_not_likely_any_more() -> None:
    assert len(Acceptance().chances(3, 40)) < 6
    assert len(Acceptance().chances(40, 10)) == 10
