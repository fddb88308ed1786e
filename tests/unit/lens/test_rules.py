"""Rules read back as they are written, and a rule that cannot be meant is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.lens.quantities import ONLY_MEAN, BadQuantity, parse
from velocity_local.lens.results import Metric
from velocity_local.lens.rules import DEFAULT, BadRule, Rule, RuleKind, parse_rule, parse_rules


@pytest.mark.parametrize(
    ("text", "kind", "bound", "written"),
    [
        ("ttft_ms:p99 <= 500", RuleKind.LIMIT, 500, "ttft_ms:p99 <= 500"),
        ("ttft_ms<=+5%", RuleKind.RELATIVE, 0.05, "ttft_ms:p50 <= +5%"),
        ("e2e_ms:p99.9 <= +20", RuleKind.ABSOLUTE, 20, "e2e_ms:p99.9 <= +20"),
        ("requests_per_s >= -5%", RuleKind.RELATIVE, 0.05, "requests_per_s:mean >= -5%"),
        ("requests_per_s >= 2.5", RuleKind.LIMIT, 2.5, "requests_per_s:mean >= 2.5"),
        ("error_share <= +0.01", RuleKind.ABSOLUTE, 0.01, "error_share:mean <= +0.01"),
        ("ttft_ms:mean <= +0%", RuleKind.RELATIVE, 0, "ttft_ms:mean <= +0%"),
    ],
)
def test_a_rule_reads_back_as_it_is_written(
    text: str, kind: RuleKind, bound: float, written: str
) -> None:
    rule = parse_rule(text)
    assert rule.bound == pytest.approx(bound)
    assert (rule.kind, rule.text) == (kind, written)
    assert parse_rule(rule.text) == rule


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no rule"),
        ("ttft_ms", "is no rule"),
        ("ttft_ms < 5", "is no rule"),
        ("ttft_ms <= fast", "is no rule"),
        ("ttft_ms <= 1e9", "is no rule"),
        ("ttft_ms <= 5 <= 6", "is no rule"),
        ("speed <= 5", "'speed' is no metric; known are ttft_ms"),
        ("ttft_ms:max <= 5", "'max' is no statistic"),
        ("ttft_ms:p101 <= 5", "'p101' is no statistic"),
        ("error_share:p50 <= 5", "it has no percentiles"),
        ("ttft_ms >= 5", "lower is better, write <="),
        ("requests_per_s <= 5", "higher is better, write >="),
        ("ttft_ms <= -5%", r"the change to bound is \+"),
        ("requests_per_s >= +5%", "the change to bound is -"),
        ("ttft_ms <= 5%", r"write \+5%"),
        ("ttft_ms <= " + "9" * 400, "too large"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadRule, match=says):
        parse_rule(text)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        rule = parse_rule(text)
    except BadRule:
        return
    assert isinstance(rule, Rule)


@given(st.sampled_from(Metric), st.sampled_from(["mean", "p50", "p99.9"]))
def test_every_metric_has_a_name_that_reads_back(metric: Metric, statistic: str) -> None:
    if metric in ONLY_MEAN and statistic != "mean":
        with pytest.raises(BadQuantity):
            parse(f"{metric.value}:{statistic}")
        return
    quantity = parse(f"{metric.value}:{statistic}")
    assert parse(quantity.name) == quantity


def test_lines_of_rules_may_hold_comments() -> None:
    rules = parse_rules(["# ours", "", "  ttft_ms <= 5  "])
    assert [rule.text for rule in rules] == ["ttft_ms:p50 <= 5"]


def test_the_defaults_are_changes_only() -> None:
    assert {rule.kind for rule in DEFAULT} == {RuleKind.ABSOLUTE, RuleKind.RELATIVE}
