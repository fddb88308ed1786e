"""What the fake backend does, as a JSON file: what it says, how slowly, and how it fails."""

from pathlib import Path
from typing import Literal

import msgspec

from velocity_local.core.models import Pooling


class Echo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="echo"):
    """Answer with the user's last line."""


class Fixed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="fixed"):
    """Answer with `text`, always; control tokens in it are written out."""

    text: str


class Babble(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="babble"):
    """Letters drawn from a hash of everything before them; about `mean_tokens` of them.

    Of eight letters `repeats` are drawn from the two before them alone, so that the text repeats
    itself.
    """

    seed: int = 0
    mean_tokens: int = 32
    repeats: int = 0


Reply = Echo | Fixed | Babble


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A failure on cue.

    `when` says which cue: `load` at loading, `step` at forward pass number `count`, `tokens`
    after `count` tokens were sampled, `prompt` when a prompt holding `marker` is computed.
    `once` names a file that is created as the fault strikes and prevents it from then on, so
    that a worker started anew is well.
    """

    do: Literal["exit", "kill", "segfault", "abort", "hang", "error"]
    when: Literal["load", "step", "tokens", "prompt"]
    count: int = 0
    marker: str = ""
    exit_code: int = 1
    message: str = "scripted failure"
    once: str | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole behaviour. Delays are per forward pass and per token computed in it.

    `pace` multiplies them by load options: {"n_threads": {"2": 0.5}} halves them for two threads;
    a pace of 0 makes the option be refused. Values are written as in JSON.

    `truncation` and `can_copy_part` make the cache behave like that of an attention model
    (the default), a sliding-window one with `window` cells, or a recurrent one, which can take
    back `n_rollback` guesses; without `shares_cells` copies have cells of their own.
    `chat_template` True is plain ChatML, a string is a template of one's own.
    """

    reply: Reply = Echo()
    faults: tuple[Fault, ...] = ()
    load_delay_s: float = 0.0
    step_delay_s: float = 0.0
    token_delay_s: float = 0.0
    pace: dict[str, dict[str, float]] = {}
    n_ctx: int = 4096
    truncation: Literal["anywhere", "within_window", "never"] = "anywhere"
    can_copy_part: bool = True
    shares_cells: bool = True
    window: int = 64
    n_rollback: int = 0
    prefill_tile: int = 64
    tile_reaches_all: bool = False
    chat_template: bool | str = True
    pooling: Pooling = "none"
    n_embd: int = 8


def read(path: str | None) -> Script:
    """The script in a file, or the default one.

    Raises:
        OSError: if the file cannot be read.
        msgspec.DecodeError: if it is not a script.
    """
    if path is None:
        return Script()
    return msgspec.json.decode(Path(path).read_bytes(), type=Script)
