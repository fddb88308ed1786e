"""Contenders take turns on the same prompts, and the table sets them side by side."""

from dataclasses import dataclass, field

from benchmarks.compare import BARE, OURS, PEER, Plan, Report, compare, markdown
from benchmarks.contenders import Result
from benchmarks.load import Load
from benchmarks.machine import Machine
from benchmarks.sampling import Sampling

MACHINE = Machine("a processor", 2, "a system", 8.0, busy_percent=40.0)
PLAN = Plan(
    one=Load(1, 10, 8, Sampling(), 0),
    many=Load(16, 10, 4, Sampling(), 0),
    first_token=Load(1, 10, 2, Sampling(), 0),
    first_token_repeats=2,
)


@dataclass
class Scripted:
    """Answers at a fixed speed and notes what it was asked."""

    name: str
    tokens_per_s: float
    ttft_ms: float
    log: list[tuple[str, Load]] = field(default_factory=list)

    def run(self, load: Load) -> Result:
        self.log.append((self.name, load))
        return Result(12, 8, self.tokens_per_s, self.tokens_per_s, self.ttft_ms)


def three() -> list[Scripted]:
    log: list[tuple[str, Load]] = []
    speeds = {BARE: (100.0, 50.0), OURS: (99.0, 53.0), PEER: (90.0, 60.0)}
    return [Scripted(name, rate, ttft, log) for name, (rate, ttft) in speeds.items()]


def test_a_round_asks_all_the_same_and_begins_with_another_each_time() -> None:
    contenders = three()

    compare(contenders, PLAN, rounds=2)

    counted = contenders[0].log[6:]
    per_round = len(counted) // 2
    first, second = counted[:3], counted[per_round : per_round + 3]
    assert [name for name, _ in first] == [BARE, OURS, PEER]
    assert [name for name, _ in second] == [OURS, PEER, BARE]
    assert len({load.first_seed for _, load in first}) == 1
    assert first[0][1].first_seed != second[0][1].first_seed


def test_the_table_holds_medians_ratios_and_the_time_beyond_the_prefill() -> None:
    figures = compare(three(), PLAN, rounds=3)

    table = "\n".join(markdown(Report(MACHINE, "model", 2, PLAN, figures)))

    assert "| 1 stream, decode tok/s | 100.0 | 99.0 | 90.0 | 0.990 (0.990 to 0.990) |" in table
    assert "TTFT 53.0, beyond 3.0 (3.0 to 3.0)" in table
    assert "BUSY" in table
