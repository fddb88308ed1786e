"""How the next token is chosen: the full set of parameters, checked once, then only values."""

import math

import msgspec

from velocity_local.core.errors import InvalidRequest

MAX_LOGIT_BIAS_ENTRIES = 1024
MAX_SEED = 2**32 - 1


class SamplingParams(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sampling of one sequence. Names and neutral values are llama.cpp's server's.

    A parameter at its neutral value adds no sampler to the chain. `temperature` 0 is greedy.
    """

    temperature: float = 0.8
    """Sharpness of the choice; 0 always takes the likeliest token."""
    top_k: int = 40
    """Keep only so many of the likeliest tokens; 0 or less keeps all."""
    top_p: float = 0.95
    """Keep the likeliest tokens up to this probability mass; 1 keeps all."""
    min_p: float = 0.05
    """Drop tokens below this share of the likeliest one's probability."""
    typical_p: float = 1.0
    """Keep tokens of typical surprise up to this mass; 1 keeps all."""
    top_n_sigma: float = -1.0
    """Keep logits within so many standard deviations of the best; below 0 keeps all."""
    xtc_probability: float = 0.0
    """How often the likeliest tokens are left out (XTC)."""
    xtc_threshold: float = 0.1
    """Probability above which a token counts as likely for XTC."""
    dynatemp_range: float = 0.0
    """Width of the temperature's range, chosen by entropy."""
    dynatemp_exponent: float = 1.0
    """How entropy maps to temperature within that range."""
    repeat_last_n: int = 64
    """Tokens that penalties look back at; -1 takes the whole context."""
    repeat_penalty: float = 1.0
    """Divides the logits of seen tokens; 1 is neutral."""
    presence_penalty: float = 0.0
    """Subtracted from the logit of every seen token."""
    frequency_penalty: float = 0.0
    """Subtracted once for each time a token was seen."""
    dry_multiplier: float = 0.0
    """Strength of the penalty on repeated sequences (DRY); 0 is off."""
    dry_base: float = 1.75
    """Growth of that penalty with the length of the repetition."""
    dry_allowed_length: int = 2
    """Longest repetition that is not penalised."""
    dry_penalty_last_n: int = -1
    """Tokens that DRY looks back at; -1 takes the whole context."""
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    """Texts at which a repetition is taken to end."""
    mirostat: int = 0
    """Steer surprise instead of cutting off: 1 and 2 are its versions, 0 is off."""
    mirostat_tau: float = 5.0
    """Surprise that mirostat aims at, in bits."""
    mirostat_eta: float = 0.1
    """How fast mirostat corrects itself."""
    seed: int | None = None
    """Same seed, same text; null takes a new one each time."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Pairs of token id and what is added to its logit."""
    ignore_eos: bool = False
    """Go on past the model's end of text."""


# field: (lowest, highest), both allowed
RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 100.0),
    "top_k": (-1, 2**31 - 1),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "typical_p": (0.0, 1.0),
    "top_n_sigma": (-1.0, 1000.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 1.0),
    "dynatemp_range": (0.0, 100.0),
    "dynatemp_exponent": (0.0, 100.0),
    "repeat_last_n": (-1, 2**20),
    "repeat_penalty": (0.01, 100.0),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "dry_multiplier": (0.0, 100.0),
    "dry_base": (1.0, 100.0),
    "dry_allowed_length": (0, 2**20),
    "dry_penalty_last_n": (-1, 2**20),
    "mirostat": (0, 2),
    "mirostat_tau": (0.0, 100.0),
    "mirostat_eta": (0.0, 100.0),
    "seed": (0, MAX_SEED),
}


def check(params: SamplingParams) -> SamplingParams:
    """`params`, if every number is finite and in range.

    Raises:
        InvalidRequest: naming the first field that is not.
    """
    for name, (low, high) in RANGES.items():
        value = getattr(params, name)
        if value is not None and not (math.isfinite(value) and low <= value <= high):
            raise InvalidRequest(f"{name} is {value}; it must be from {low} to {high}", param=name)
    if len(params.logit_bias) > MAX_LOGIT_BIAS_ENTRIES:
        raise InvalidRequest(
            f"logit_bias has {len(params.logit_bias)} entries; at most {MAX_LOGIT_BIAS_ENTRIES}",
            param="logit_bias",
        )
    for token, bias in params.logit_bias:
        if not (-100.0 <= bias <= 100.0 and 0 <= token < 2**31):
            raise InvalidRequest(
                f"logit_bias of token {token} is {bias}; it must be from -100 to 100",
                param="logit_bias",
            )
    return params
