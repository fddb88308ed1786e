"""The waitlist against a model that knows no counters: order, sharing, and a bound on waiting."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.core.queueing import PRIORITIES, QueueTerms
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.engine.waitlist import AGING_S, Waitlist

Flow = tuple[int, str]

OWNERS = st.sampled_from(["", "x", "y"])
CLASSES = st.sampled_from(PRIORITIES)
ADD = st.tuples(st.just("add"), OWNERS, CLASSES, st.integers(1, 40))
OTHERS = st.one_of(
    st.tuples(st.just("admit")),
    st.tuples(st.just("wait"), st.floats(0.1, 40.0)),
    st.tuples(st.just("generate"), st.integers(1, 9)),
    st.tuples(st.just("put_back"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("end"), st.integers(0, 9)),
)


class World:
    """The real waitlist beside plain lists, and what every flow has waited and had."""

    def __init__(self) -> None:
        self.real = Waitlist()
        self.now_s = 0.0
        self.waiting: list[LiveSequence] = []
        self.running: list[LiveSequence] = []
        self.since_s: dict[Flow, float] = {}
        self.passed: dict[Flow, list[Flow]] = {}
        self.n = 0

    def add(self, owner: str, priority: str, n_prompt: int) -> None:
        self.n += 1
        terms = QueueTerms(priority, owner)  # type: ignore[arg-type]  # drawn from the classes
        spec = SequenceSpec(
            SequenceKey(self.n, 0), (1,) * n_prompt, SamplingParams(), 1000, queue=terms
        )
        sequence = LiveSequence(spec, n_ctx=1 << 20, reserve=0, now_s=self.now_s)
        self._begin_to_wait(sequence)
        self.waiting.append(sequence)
        self.real.add(sequence, self.now_s, self.running)

    def admit(self) -> None:
        if not self.waiting:
            return
        sequence = self.real.head(self.now_s, self.running)
        self._check_choice(sequence)
        self.real.admit(sequence, self.now_s, n_tokens=len(sequence.tokens))
        self.waiting.remove(sequence)
        self.running.append(sequence)
        self._count_admission(_flow(sequence))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        for flow in self._overdue():
            self.passed.setdefault(flow, [])

    def generate(self, n_tokens: int) -> None:
        for sequence in self.running:
            sequence.tokens += [1] * n_tokens

    def put_back(self, at: int) -> None:
        if at < len(self.running):
            sequence = self.running.pop(at)
            self._begin_to_wait(sequence)
            self.waiting.insert(0, sequence)
            self.real.put_back(sequence, self.now_s, self.running)

    def cancel(self, at: int) -> None:
        if at < len(self.waiting):
            sequence = self.waiting.pop(at)
            self.real.remove(sequence)
            self._forget_if_idle(_flow(sequence))

    def end(self, at: int) -> None:
        if at < len(self.running):
            self.real.leave(self.running.pop(at))

    def check(self) -> None:
        self.real.check_integrity()
        assert len(self.real) == len(self.waiting)
        assert set(map(id, self.real)) == set(map(id, self.waiting))

    def _check_choice(self, chosen: LiveSequence) -> None:
        flow = _flow(chosen)
        assert chosen is next(s for s in self.waiting if _flow(s) == flow), "not first come"
        overdue = self._overdue()
        if overdue:
            assert flow == min(overdue, key=self._due_s), "another is overdue longer"
        else:
            assert flow[0] == min(s.rank for s in self.waiting), "a more urgent class waits"
            rivals = {_flow(s) for s in self.waiting if s.rank == flow[0]}
            assert self.real.served(*flow) == min(self.real.served(*rival) for rival in rivals)

    def _count_admission(self, admitted: Flow) -> None:
        """No starvation: beside an overdue flow, every other one has at most one turn."""
        for flow, passed in self.passed.items():
            if flow != admitted:
                assert admitted not in passed, f"{admitted} had two turns while {flow} was overdue"
                passed.append(admitted)
        self.since_s[admitted] = self.now_s
        self.passed.pop(admitted, None)
        self._forget_if_idle(admitted)

    def _begin_to_wait(self, sequence: LiveSequence) -> None:
        if not any(_flow(s) == _flow(sequence) for s in self.waiting):
            self.since_s[_flow(sequence)] = self.now_s

    def _forget_if_idle(self, flow: Flow) -> None:
        if not any(_flow(s) == flow for s in self.waiting):
            self.since_s.pop(flow, None)
            self.passed.pop(flow, None)

    def _due_s(self, flow: Flow) -> float:
        return self.since_s[flow] + AGING_S * (flow[0] + 1)

    def _overdue(self) -> list[Flow]:
        return [flow for flow in self.since_s if self._due_s(flow) <= self.now_s]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(ADD | OTHERS, min_size=5, max_size=60))
def test_random_use_keeps_the_order_and_the_bound_on_waiting(actions: list[tuple]) -> None:  # type: ignore[type-arg]  # a mixed union
    world = World()
    for name, *arguments in actions:
        getattr(world, name)(*arguments)
        world.check()
    while world.waiting:
        world.admit()
        world.check()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=2, max_size=4),
    st.integers(1, 6),
)
def test_keys_that_always_wait_get_equal_tokens_whatever_they_ask_for(
    shapes: list[tuple[int, int]], n_slots: int
) -> None:
    """Within twice the larger of a prompt and what all slots hold, as Sheng et al. prove."""
    served = dict.fromkeys(range(len(shapes)), 0)
    bound = 2 * max(
        max(n_prompt for n_prompt, _ in shapes),
        n_slots * max(n_prompt + n_answer for n_prompt, n_answer in shapes),
    )
    for owner, n_tokens in _service(shapes, n_slots):
        served[owner] += n_tokens
        assert max(served.values()) - min(served.values()) <= bound


def _service(shapes: list[tuple[int, int]], n_slots: int) -> Iterator[tuple[int, int]]:
    """Flooding owners of (prompt, answer) lengths on so many slots: who is served how much."""
    waitlist = Waitlist(aging_s=1e9)
    running: list[LiveSequence] = []
    for number in range(120):
        for owner, (n_prompt, n_answer) in enumerate(shapes):
            terms = QueueTerms("api", str(owner))
            key = SequenceKey(number, owner)
            spec = SequenceSpec(key, (1,) * n_prompt, SamplingParams(), n_answer, queue=terms)
            sequence = LiveSequence(spec, n_ctx=10_000, reserve=0, now_s=0.0)
            waitlist.add(sequence, 0.0, ())
    for _ in range(400):
        while len(running) < n_slots:
            sequence = waitlist.head(0.0, running)
            waitlist.admit(sequence, 0.0, n_tokens=len(sequence.tokens))
            running.append(sequence)
            yield sequence.key.choice, len(sequence.tokens)
            if not _all_wait(waitlist, len(shapes)):
                return
        for sequence in list(running):
            sequence.tokens.append(1)
            yield sequence.key.choice, 1
            if len(sequence.tokens) >= sequence.end_length:
                running.remove(sequence)
                waitlist.leave(sequence)


def _all_wait(waitlist: Waitlist, n_owners: int) -> bool:
    return len({sequence.key.choice for sequence in waitlist}) == n_owners


def _flow(sequence: LiveSequence) -> Flow:
    return sequence.rank, sequence.spec.queue.owner
