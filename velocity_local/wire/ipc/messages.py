"""What the daemon and a worker say to each other, as two closed unions.

Commands go down the worker's standard input, reports come up its standard output. Both are
length-prefixed msgpack (`codec`). A handle is a number the daemon gives to a request and never
uses again for that worker; a worker answers each handle exactly as `core.events` promises.
"""

import msgspec

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Event
from velocity_local.core.kv import NO_TIERS, KvState, KvTiers
from velocity_local.core.models import LoadedModel, LoadOptions
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.core.tuning import TunePlan, TuneResult, TuneStatus

PROTOCOL_VERSION = 1


class Command(msgspec.Struct, frozen=True, array_like=True):
    """Base of what the daemon sends."""


class Load(Command, frozen=True, tag=0):
    """First message of all. Answered by `Loaded` or `LoadFailed`."""

    path: str
    options: LoadOptions
    protocol: int = PROTOCOL_VERSION
    kv: KvTiers = NO_TIERS


class Resumed(msgspec.Struct, frozen=True, array_like=True):
    """A choice that another worker began: its tokens so far, and how much of it was delivered.

    The worker replays `tokens` through sampler, parser and stops, and drops as many characters
    of each channel as were delivered already (`tool_chars` as `core.events.tool_chars` counts
    them). `tokens` are those of the deltas received, in order. `done` choices are not run again.
    """

    index: int
    tokens: tuple[int, ...]
    text_chars: int = 0
    reasoning_chars: int = 0
    tool_chars: int = 0
    done: bool = False


class Generate(Command, frozen=True, tag=1):
    """Start a request, or go on with it: `resumed` is empty the first time."""

    handle: int
    request: GenerationRequest
    resumed: tuple[Resumed, ...] = ()


class Cancel(Command, frozen=True, tag=2):
    """Stop a request and free its slots; no event of it follows. Unknown handles are fine."""

    handle: int


class Embed(Command, frozen=True, tag=3):
    handle: int
    request: EmbeddingRequest


class Tokenize(Command, frozen=True, tag=4):
    handle: int
    request: TokenizeRequest


class Detokenize(Command, frozen=True, tag=5):
    handle: int
    request: DetokenizeRequest


class Render(Command, frozen=True, tag=6):
    handle: int
    request: RenderRequest


class Ping(Command, frozen=True, tag=7):
    """Answered by `Pong` from the engine's own loop, so silence means that it hangs."""

    number: int


class Shutdown(Command, frozen=True, tag=8):
    """End the process; running requests are dropped."""


class ForgetAdapter(Command, frozen=True, tag=9):
    """Free an adapter, by its key, once no request computes with it. Unknown keys are fine."""

    key: str


class LimitKv(Command, frozen=True, tag=12):
    """Keep no more than so many bytes of saved cells in memory, from now on.

    Answered by a `Step` without events, whose load tells what is left.
    """

    n_bytes: int


class KvAsk(Command, frozen=True, tag=11):
    """Answered by `KvTold`."""

    handle: int
    request: KvRequest


class Tune(Command, frozen=True, tag=10):
    """First message of all, instead of `Load`: measure, and end.

    Answered by `Tuning`s and then by `Tuned` or `LoadFailed`.
    """

    path: str
    plan: TunePlan
    protocol: int = PROTOCOL_VERSION


AnyCommand = (
    Load
    | Generate
    | Cancel
    | Embed
    | Tokenize
    | Detokenize
    | Render
    | Ping
    | Shutdown
    | ForgetAdapter
    | LimitKv
    | KvAsk
    | Tune
)


class Report(msgspec.Struct, frozen=True, array_like=True):
    """Base of what a worker sends."""


class Loaded(Report, frozen=True, tag=0):
    model: LoadedModel
    pid: int
    protocol: int = PROTOCOL_VERSION


class LoadFailed(Report, frozen=True, tag=1):
    error: ErrorInfo


class EngineLoad(msgspec.Struct, frozen=True, array_like=True):
    """The engine's state after a step. `kv_bytes` of memory hold cells that left the device."""

    running: int
    waiting: int
    used_cells: int
    step_ms: float
    kv_bytes: int = 0


class Step(Report, frozen=True, tag=2):
    """All events of one engine step, of every sequence: (handle, event)."""

    events: tuple[tuple[int, Event], ...]
    load: EngineLoad


class Embedded(Report, frozen=True, tag=3):
    """Vectors as little-endian float32 bytes, in the order of the inputs."""

    handle: int
    vectors: tuple[bytes, ...]
    prompt_tokens: int


class Tokenized(Report, frozen=True, tag=4):
    handle: int
    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...]


class Detokenized(Report, frozen=True, tag=5):
    handle: int
    text: str


class Rendered(Report, frozen=True, tag=6):
    handle: int
    text: str


class Refused(Report, frozen=True, tag=7):
    """The whole request failed before it ran (bad template, overflow, unknown token)."""

    handle: int
    error: ErrorInfo


class KvTold(Report, frozen=True, tag=11):
    handle: int
    state: KvState


class Pong(Report, frozen=True, tag=8):
    number: int
    load: EngineLoad


class Tuning(Report, frozen=True, tag=9):
    """What a measurement is doing now."""

    status: TuneStatus


class Tuned(Report, frozen=True, tag=10):
    """The end of a measurement; the process ends as well."""

    result: TuneResult


CallAnswer = Embedded | Tokenized | Detokenized | Rendered | KvTold
TuneReport = Tuning | Tuned
AnyReport = Loaded | LoadFailed | Step | CallAnswer | Refused | Pong | TuneReport
