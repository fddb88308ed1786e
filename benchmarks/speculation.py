"""What guessing gives and costs: tokens per second off, auto and on, rounds in turn, in one run.

    python -m benchmarks.speculation --model PATH [--streams N ...] [--draft PATH]

The texts are given: a constraint that allows one token at each position makes a model of random
weights write them, in all modes alike. So what could be guessed is known, and answers are equal.

copy     a document written again, with a word changed here and there
pieces   parts of the document, a dozen tokens each, and as many tokens of one's own between them
prose    English, which repeats itself as prose does
random   tokens drawn by lot: nothing can be guessed
"""

import argparse
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

import msgspec

from velocity_local.core.clock import SystemClock
from velocity_local.core.events import EngineTimings
from velocity_local.core.models import LoadOptions, Speculation
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp.model import load
from velocity_local.worker.drafting import load_draft
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import Broken, Ended, SequenceKey, SequenceSpec, Token

MODES: tuple[Speculation, ...] = ("off", "auto", "on")
PROMPT_TOKENS = 400
GREEDY = SamplingParams(temperature=0, ignore_eos=True)
PROSE = Path(__file__).parents[1] / "docs" / "architecture.md"


class Dictation:
    """A constraint: these tokens, one after the other."""

    def __init__(self, tokens: list[int], n_vocab: int) -> None:
        self._tokens = tokens
        self._n_bytes = n_vocab // 8 + 1
        self._at = 0

    def accept(self, token: int) -> bool:
        is_right = not self.is_complete and token == self._tokens[self._at]
        self._at += is_right
        return is_right

    def allowed(self) -> bytes:
        bits = bytearray(self._n_bytes)
        token = self._tokens[self._at]
        bits[token >> 3] = 1 << (token & 7)
        return bytes(bits)

    @property
    def is_complete(self) -> bool:
        return self._at == len(self._tokens)


def texts(prose: list[int], n_vocab: int, n_tokens: int) -> dict[str, tuple[list[int], list[int]]]:
    """Prompt and answer of each kind."""
    dice = Random(7)

    def by_lot(count: int) -> list[int]:
        return [dice.randrange(256, n_vocab) for _ in range(count)]

    document = by_lot(PROMPT_TOKENS)
    copied = [token if dice.random() > 0.03 else by_lot(1)[0] for token in document]
    pieces: list[int] = []
    while len(pieces) < n_tokens:
        start = dice.randrange(PROMPT_TOKENS - 12)
        pieces += [*document[start : start + 12], *by_lot(12)]
    return {
        "copy": (document, (copied * 4)[:n_tokens]),
        "pieces": (document, pieces[:n_tokens]),
        "prose": (prose[:PROMPT_TOKENS], prose[PROMPT_TOKENS : PROMPT_TOKENS + n_tokens]),
        "random": (document, by_lot(n_tokens)),
    }


class Contender:
    """One mode: a model loaded for it, and an engine that learns from round to round."""

    def __init__(self, path: str, options: LoadOptions) -> None:
        mode = options.speculation
        self.backend = load(path, options)
        self._engine = Engine(
            self.backend,
            clock=SystemClock(),
            speculation=mode,
            draft=load_draft(self.backend, options),
        )
        self._engine.warm_up()
        self._handle = 0

    def run(self, prompt: list[int], answer: list[int], n_streams: int) -> tuple[float, Ended]:
        """Tokens per second of all streams from the first token of all on; one stream's end."""
        engine, n_vocab = self._engine, self.backend.capabilities.n_vocab
        specs = []
        for i in range(n_streams):
            self._handle += 1
            key = SequenceKey(self._handle, 0)
            own = [*prompt[i:], *prompt[:i]]
            constraint = Dictation(answer, n_vocab)
            specs.append(SequenceSpec(key, tuple(own), GREEDY, len(answer), constraint=constraint))
        said: dict[SequenceKey, list[int]] = {spec.key: [] for spec in specs}
        engine.submit(specs)
        started_s, before, end = 0.0, 0, None
        while engine.has_work:
            for event in engine.step():
                if isinstance(event, Token):
                    said[event.key].append(event.sampled.token)
                elif isinstance(event, Ended):
                    end = event
                assert not isinstance(event, Broken), event
            if not started_s and all(said.values()):
                started_s, before = perf_counter(), sum(map(len, said.values()))
        assert end is not None
        assert all(tokens == answer for tokens in said.values()), "not what was dictated"
        n_tokens = sum(map(len, said.values())) - before
        return n_tokens / (perf_counter() - started_s), end


def compare(
    contenders: dict[Speculation, Contender],
    text: tuple[list[int], list[int]],
    *,
    n_streams: int,
    rounds: int,
) -> str:
    """Rounds in turn; each mode against off in the same round."""
    speeds: dict[Speculation, list[float]] = {mode: [] for mode in contenders}
    timings: dict[Speculation, EngineTimings] = {}
    for _ in range(rounds):
        for mode, contender in contenders.items():
            speed, end = contender.run(*text, n_streams)
            speeds[mode].append(speed)
            timings[mode] = end.timings
    parts = []
    for mode, mine in speeds.items():
        ratio = median(m / off for m, off in zip(mine, speeds["off"], strict=True))
        counts = f"{timings[mode].accepted_tokens}/{timings[mode].drafted_tokens}"
        parts.append(f"{mode} {median(mine):.1f} tok/s ({ratio:.3f}, guesses {counts})")
    return ", ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--draft", help="a model of the same vocabulary, to guess as well")
    parser.add_argument("--texts", nargs="*", default=["copy", "pieces", "prose", "random"])
    asked = parser.parse_args()
    n_streams = max(asked.streams)
    options = LoadOptions(
        # No stream is to wait for another's cells: who waits would not be measured.
        n_ctx=n_streams * (PROMPT_TOKENS + asked.tokens + 64),
        n_seq_max=max(16, n_streams),
        n_threads=asked.threads,
        draft_path=asked.draft,
    )
    contenders = {
        mode: Contender(asked.model, msgspec.structs.replace(options, speculation=mode))
        for mode in MODES
    }
    backend = contenders["off"].backend
    prose = backend.tokenizer.encode(PROSE.read_text(), add_special=False, parse_special=False)
    kinds = texts(prose, backend.capabilities.n_vocab, asked.tokens)
    for n_streams in asked.streams:
        for name in asked.texts:
            line = compare(contenders, kinds[name], n_streams=n_streams, rounds=asked.rounds)
            print(f"{n_streams} streams, {name}: {line}", flush=True)


if __name__ == "__main__":
    main()
