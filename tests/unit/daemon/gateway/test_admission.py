import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import QueueFull, QueueTimeout
from velocity_local.core.queueing import PRIORITIES, Priority, QueueTerms
from velocity_local.daemon.gateway.admission import Admission, Bounds, Place


class Desk:
    """An admission on a manual clock."""

    def __init__(self, requests: int = 10, tokens: int = 1000) -> None:
        self.clock = ManualClock()
        self.admission = Admission(Bounds(requests, tokens), self.clock)

    def enter(
        self, owner: str = "", priority: Priority = "api", *, n_tokens: int = 10, model: str = "m"
    ) -> Place:
        return self.admission.enter(model, QueueTerms(priority, owner), n_tokens=n_tokens)

    def drain(self, *places: Place, gap_s: float) -> None:
        """Start these, one after each gap."""
        for place in places:
            self.clock.advance(gap_s)
            place.start()


def test_the_bound_on_requests_is_told_with_a_time_to_come_back() -> None:
    desk = Desk(requests=2)
    desk.enter()
    desk.enter(model="other")
    with pytest.raises(QueueFull) as refused:
        desk.enter()
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 1.0
    assert refused.value.details == {
        "waiting": 2,
        "waiting_tokens": 20,
        "limit": 2,
        "token_limit": 1000,
    }


def test_the_bound_on_tokens_refuses_what_is_large_and_takes_what_is_small() -> None:
    desk = Desk(tokens=100)
    desk.enter(n_tokens=60)
    with pytest.raises(QueueFull, match="about 60 tokens wait already, and this one has about 41"):
        desk.enter(n_tokens=41)
    desk.enter(n_tokens=40)
    assert desk.admission.waiting_tokens == 100


def test_a_request_over_the_bound_by_itself_may_wait_alone() -> None:
    desk = Desk(tokens=100)
    desk.enter(n_tokens=5000)
    assert desk.admission.waiting == 1


def test_a_place_is_free_once_and_whichever_way_it_ends() -> None:
    desk = Desk(requests=1)
    for end in ("start", "leave"):
        place = desk.enter()
        for _ in range(2):
            getattr(place, end)()
        place.leave()
        assert (desk.admission.waiting, desk.admission.waiting_tokens) == (0, 0)


@pytest.mark.parametrize("timeout_s", [0.0, -1.5])
def test_who_may_wait_no_longer_is_refused_at_once(timeout_s: float) -> None:
    desk = Desk()
    with pytest.raises(QueueTimeout, match="is over already"):
        desk.admission.enter("m", QueueTerms(timeout_s=timeout_s), n_tokens=1)
    assert desk.admission.waiting == 0


def test_a_place_counts_those_before_it_by_class_and_owner() -> None:
    desk = Desk(requests=100)
    flood = [desk.enter("greedy") for _ in range(20)]
    first, second = desk.enter("other"), desk.enter("other")
    urgent, later = desk.enter("greedy", "interactive"), desk.enter("greedy", "batch")
    assert (flood[0].position, flood[19].position) == (2, 23)
    assert (first.position, second.position) == (3, 5)
    assert (urgent.position, later.position) == (1, 24)


def test_other_models_are_no_part_of_a_place() -> None:
    desk = Desk()
    desk.enter(model="a")
    assert desk.enter(model="b").position == 1


def test_the_estimate_follows_the_gaps_between_starts() -> None:
    desk = Desk(requests=100)
    places = [desk.enter() for _ in range(10)]
    assert places[9].estimate_s is None
    desk.drain(*places[:5], gap_s=3.0)
    assert places[9].position == 5
    assert places[9].estimate_s == pytest.approx(15.0)
    desk.drain(*places[5:], gap_s=3.0)
    assert places[9].estimate_s is None
    assert places[9].waited_s == pytest.approx(30.0)


def test_an_idle_hour_is_no_gap_between_starts() -> None:
    desk = Desk(requests=100)
    desk.drain(*[desk.enter() for _ in range(3)], gap_s=2.0)
    desk.clock.advance(3600)
    desk.enter().start()
    assert desk.enter().estimate_s == pytest.approx(2.0)


def test_the_state_tells_who_waits_and_for_what() -> None:
    desk = Desk()
    first = desk.enter(n_tokens=100)
    desk.enter(priority="batch", n_tokens=5, model="b")
    desk.clock.advance(4.0)
    state = desk.admission.state()
    assert (state.requests, state.tokens, state.longest_wait_s) == (2, 105, 4.0)
    assert state.classes == {"interactive": 0, "api": 1, "batch": 1}
    assert [(queue.model, queue.tokens) for queue in state.models] == [("b", 5), ("m", 100)]
    first.start()
    assert [queue.model for queue in desk.admission.state().models] == ["b"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("xyz"), st.sampled_from(PRIORITIES), st.integers(1, 60)),
            st.integers(0, 20),
        ),
        max_size=80,
    )
)
def test_whatever_comes_and_goes_the_bounds_hold_and_nothing_leaks(
    actions: list[tuple[str, Priority, int] | int],
) -> None:
    desk = Desk(requests=8, tokens=150)
    waiting: list[Place] = []
    for action in actions:
        if isinstance(action, int):
            if action < len(waiting):
                desk.drain(waiting.pop(action), gap_s=1.0)
            continue
        owner, priority, n_tokens = action
        is_full = len(waiting) >= 8 or sum(p.n_tokens for p in waiting) + n_tokens > 150
        try:
            waiting.append(desk.enter(owner, priority, n_tokens=n_tokens))
        except QueueFull:
            assert is_full
        else:
            assert not is_full
        assert all(1 <= place.position <= len(waiting) for place in waiting)
        assert desk.admission.waiting == len(waiting)
    for place in waiting:
        place.leave()
    assert (desk.admission.waiting, desk.admission.waiting_tokens) == (0, 0)
