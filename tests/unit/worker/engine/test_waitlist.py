"""Turns as stories: who waits, what they were served, and who is next."""

from velocity_local.core.queueing import Priority, QueueTerms
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.engine.waitlist import AGING_S, Waitlist


class Line:
    """A waitlist, its clock, and those that run; `next` admits one and tells its name."""

    def __init__(self) -> None:
        self.waitlist = Waitlist()
        self.now_s = 0.0
        self.running: dict[str, LiveSequence] = {}
        self._names: dict[SequenceKey, str] = {}

    def add(
        self, name: str, owner: str = "", priority: Priority = "api", *, n_prompt: int = 10
    ) -> None:
        key = SequenceKey(len(self._names), 0)
        self._names[key] = name
        terms = QueueTerms(priority, owner)
        spec = SequenceSpec(key, (1,) * n_prompt, SamplingParams(), 1000, queue=terms)
        sequence = LiveSequence(spec, n_ctx=10_000, reserve=0, now_s=self.now_s)
        self.waitlist.add(sequence, self.now_s, self.running.values())

    def next(self) -> str:
        sequence = self.waitlist.head(self.now_s, self.running.values())
        self.waitlist.admit(sequence, self.now_s, n_tokens=len(sequence.tokens))
        self.waitlist.check_integrity()
        name = self._names[sequence.key]
        self.running[name] = sequence
        return name

    def all(self) -> list[str]:
        return [self.next() for _ in range(len(self.waitlist))]

    def generate(self, name: str, n_tokens: int) -> None:
        self.running[name].tokens += [1] * n_tokens

    def end(self, name: str) -> None:
        self.waitlist.leave(self.running.pop(name))

    def put_back(self, name: str) -> None:
        sequence = self.running.pop(name)
        self.waitlist.put_back(sequence, self.now_s, self.running.values())


def test_one_owner_and_class_is_served_first_come_first_served() -> None:
    line = Line()
    for name in "abc":
        line.add(name)
    assert line.all() == ["a", "b", "c"]


def test_more_urgent_classes_go_first() -> None:
    line = Line()
    line.add("b1", priority="batch")
    line.add("a1", priority="api")
    line.add("i1", priority="interactive")
    line.add("i2", priority="interactive")
    assert line.all() == ["i1", "i2", "a1", "b1"]


def test_a_flood_does_not_delay_the_first_request_of_another_key() -> None:
    line = Line()
    for i in range(100):
        line.add(f"flood{i}", "greedy")
    assert line.next() == "flood0"
    line.add("modest", "other")
    assert line.next() == "modest"


def test_keys_share_by_tokens_and_not_by_requests() -> None:
    line = Line()
    for i in range(8):
        line.add(f"long{i}", "x", n_prompt=30)
        line.add(f"short{i}", "y", n_prompt=10)
    first = [line.next() for _ in range(8)]
    assert sum(name.startswith("short") for name in first) == 6


def test_generated_tokens_count_while_they_are_generated() -> None:
    line = Line()
    for name in ("x1", "x2"):
        line.add(name, "x")
    for name in ("y1", "y2", "y3"):
        line.add(name, "y")
    assert [line.next(), line.next()] == ["x1", "y1"]
    line.generate("x1", 15)
    assert [line.next(), line.next(), line.next()] == ["y2", "y3", "x2"]


def test_what_was_generated_counts_once_when_a_sequence_ends() -> None:
    line = Line()
    line.add("x1", "x")
    assert line.next() == "x1"
    line.generate("x1", 15)
    line.end("x1")
    assert line.waitlist.served(1, "x") == 25


def test_idling_saves_nothing_up() -> None:
    line = Line()
    for i in range(60):
        line.add(f"x{i}", "x")
    for _ in range(20):
        line.next()
    for i in range(20):
        line.add(f"y{i}", "y")
    first = [line.next() for _ in range(20)]
    assert 9 <= sum(name.startswith("y") for name in first) <= 11


def test_a_newcomer_to_an_empty_line_is_not_ahead_of_who_was_there_last() -> None:
    line = Line()
    line.add("x1", "x")
    line.next()
    line.generate("x1", 5000)
    line.add("y1", "y")
    line.add("x2", "x")
    assert line.waitlist.served(1, "y") == line.waitlist.served(1, "x") == 5010


def test_a_class_that_waits_too_long_gets_one_turn_at_a_time() -> None:
    line = Line()
    for i in range(3):
        line.add(f"b{i}", priority="batch")
        line.add(f"i{i}", priority="interactive")
    line.now_s = 3 * AGING_S - 0.1
    line.add("i3", priority="interactive")
    assert [line.next(), line.next()] == ["i0", "i1"]
    line.now_s = 3 * AGING_S
    assert [line.next(), line.next(), line.next()] == ["b0", "i2", "i3"]


def test_of_two_that_are_overdue_the_one_due_first_goes_first() -> None:
    line = Line()
    line.add("b0", priority="batch")
    line.now_s = AGING_S / 2
    line.add("a0", priority="api")
    line.now_s = 10 * AGING_S
    line.add("i0", priority="interactive")
    assert line.all() == ["a0", "b0", "i0"]


def test_a_sequence_that_is_put_back_is_the_first_of_its_flow_and_pays_once() -> None:
    line = Line()
    line.add("x1", "x")
    line.add("x2", "x")
    line.next()
    line.generate("x1", 3)
    line.put_back("x1")
    assert line.waitlist.served(1, "x") == 13
    assert line.all() == ["x1", "x2"]


def test_owners_that_idle_are_forgotten_and_those_that_wait_are_not() -> None:
    line = Line()
    line.add("keeper", "keeper", priority="batch")
    for i in range(3000):
        line.add("passing", f"owner{i}")
        line.next()
    assert len(line.waitlist._flows) <= 1025
    assert line.all() == ["keeper"]
