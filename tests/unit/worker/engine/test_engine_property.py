"""Whatever is submitted, cancelled and finished: nothing leaks and nobody gets another's words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.engine.driving import Driver, alone, spec
from velocity_local.core.models import Speculation
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine import cache
from velocity_local.worker.engine.sequence import Broken, Ended, SequenceKey, SequenceSpec

HEADS = ("You are a helpful assistant. ", "Once upon a time there was a king. " * 3, "")
SUBMIT = st.tuples(
    st.just("submit"),
    st.sampled_from(HEADS),
    st.text("ab", min_size=1, max_size=60),
    st.integers(1, 4),  # choices
    st.integers(1, 60),  # max_tokens
)
OTHERS = st.sampled_from([("step",), ("steps",), ("cancel",), ("finish",), ("abort",)])
# None, some that are soon too few, and plenty
STATE_BYTES = st.sampled_from([0, 1500, 10**6])
# A cell is a byte to the scripted model: one tile, and more than there are
PIECE_BYTES = [16, 10**6]
KINDS = st.sampled_from(
    [
        Script(reply=Babble(mean_tokens=40), prefill_tile=16),
        Script(
            reply=Babble(mean_tokens=40), prefill_tile=16, truncation="within_window", window=24
        ),
        Script(reply=Babble(mean_tokens=40), prefill_tile=16, truncation="never"),
        Script(
            reply=Babble(mean_tokens=40, repeats=7),
            prefill_tile=16,
            truncation="never",
            n_rollback=3,
        ),
        Script(reply=Babble(mean_tokens=40, repeats=7), prefill_tile=16),
        Script(reply=Babble(mean_tokens=40), prefill_tile=16, shares_cells=False),
        Script(
            reply=Babble(mean_tokens=40), prefill_tile=16, truncation="never", shares_cells=False
        ),
    ]
)
SPECULATION: list[Speculation] = ["off", "on", "auto"]
# One that says the same, one that wavers, and one that says something else
DRAFTS = [
    None,
    Script(reply=Babble(mean_tokens=40)),
    Script(reply=Babble(mean_tokens=40, repeats=4)),
    Script(reply=Babble(seed=1)),
]


class World:
    """An engine under random use, and who was submitted, dropped and finished."""

    def __init__(
        self, script: Script, state_bytes: int, speculation: Speculation, draft: Script | None
    ) -> None:
        self.driver = Driver(
            script,
            n_ctx=256,
            n_seq_max=5,
            n_batch=32,
            reserve_tokens=8,
            state_bytes=state_bytes,
            speculation=speculation,
            draft=draft,
        )
        # Rows cost nothing, so that guesses pay
        self.driver.backend.during_pass = lambda: self.driver.clock.advance(0.005)
        self.specs: dict[SequenceKey, SequenceSpec] = {}
        self.gone: set[SequenceKey] = set()
        self.handle = 0

    def submit(self, head: str, tail: str, n: int, max_tokens: int) -> None:
        self.handle += 1
        specs = [spec(self.handle, head + tail, choice=i, max_tokens=max_tokens) for i in range(n)]
        self.specs |= {one.key: one for one in specs}
        self.driver.submit(*specs)

    def step(self) -> None:
        self.driver.step()

    def steps(self) -> None:
        for _ in range(8):
            self.driver.step()

    def abort(self) -> None:
        self.driver.backend.request_abort()

    def cancel(self) -> None:
        """The oldest request that is not done."""
        key = next((key for key in self.specs if not self._is_done(key)), None)
        if key is not None:
            self.driver.engine.cancel(key.handle)
            self.gone |= {k for k in self.specs if k.handle == key.handle and not self._is_done(k)}

    def finish(self) -> None:
        """The youngest sequence that has said something."""
        talking = [k for k in self.specs if not self._is_done(k) and self.driver.tokens(k)]
        if talking:
            result = self.driver.engine.finish(talking[-1])
            assert result is not None
            assert result[0].completion_tokens == len(self.driver.tokens(talking[-1]))
            self.gone.add(talking[-1])

    def _is_done(self, key: SequenceKey) -> bool:
        ended = any(isinstance(event, Ended | Broken) for event in self.driver.events[key])
        return ended or key in self.gone


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    KINDS,
    STATE_BYTES,
    st.sampled_from(SPECULATION),
    st.sampled_from(DRAFTS),
    st.sampled_from(PIECE_BYTES),
    st.lists(SUBMIT | OTHERS, min_size=5, max_size=40),
)
def test_random_use_keeps_every_promise(
    script: Script,
    state_bytes: int,
    speculation: Speculation,
    draft: Script | None,
    piece_bytes: int,
    actions: list[tuple],  # type: ignore[type-arg]  # a mixed union
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "PIECE_BYTES", piece_bytes)
        world = World(script, state_bytes, speculation, draft)
    for name, *arguments in actions:
        getattr(world, name)(*arguments)
        world.driver.engine.check_integrity()
    world.driver.run()

    for key, one in world.specs.items():
        said = world.driver.tokens(key)
        expected = alone(one, Script(reply=script.reply, prefill_tile=16), n_ctx=256)
        if key in world.gone:
            assert said == expected[: len(said)]
            continue
        end = world.driver.end(key)
        assert isinstance(end, Ended)
        assert said == expected
        assert end.usage.completion_tokens == len(said)
        assert end.usage.prompt_tokens == len(one.prompt)
