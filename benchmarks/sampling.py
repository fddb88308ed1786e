"""How a benchmark samples: one value that becomes a request's fields or a native chain."""

import argparse
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Sampling:
    """The defaults are those of llama.cpp's server."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 1
    ignore_eos: bool = True

    def fields(self) -> dict[str, float | int | bool]:
        """As fields of a request body; all but `ignore_eos`, `top_k` and `min_p` are OpenAI's."""
        return asdict(self)


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = Sampling()
    parser.add_argument("--temperature", type=float, default=defaults.temperature)
    parser.add_argument("--top-k", type=int, default=defaults.top_k)
    parser.add_argument("--top-p", type=float, default=defaults.top_p)
    parser.add_argument("--min-p", type=float, default=defaults.min_p)
    parser.add_argument("--sampling-seed", type=int, default=defaults.seed)
    parser.add_argument("--stop-at-eos", action="store_true", help="do not send ignore_eos")


def sampling_from(arguments: argparse.Namespace) -> Sampling:
    return Sampling(
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        min_p=arguments.min_p,
        seed=arguments.sampling_seed,
        ignore_eos=not arguments.stop_at_eos,
    )
