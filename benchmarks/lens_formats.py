"""Size and speed of the lens's formats on a simulated run: `python -m benchmarks.lens_formats`."""

from collections.abc import Callable
from time import perf_counter

from benchmarks.latencies import run
from velocity_local.lens import formats

_REPEATS = 5


def _best_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        begun_s = perf_counter()
        work()
        times.append((perf_counter() - begun_s) * 1000)
    return min(times)


def main() -> None:
    file = formats.result_file([run(1, n_requests=2000, n_tokens=128)])
    print(
        "2,000 requests of 128 tokens\n\n| format | MB | write, ms | read, ms |\n|---|---|---|---|"
    )
    for name, encode in formats.ENCODERS.items():
        data = encode(file)
        write_ms = _best_ms(lambda encode=encode: encode(file))  # type: ignore[misc]  # a default binds the loop's value
        read = "" if name == "csv" else f"{_best_ms(lambda data=data: formats.decode(data)):.1f}"  # type: ignore[misc]  # a default binds the loop's value
        print(f"| {name} | {len(data) / 1e6:.2f} | {write_ms:.1f} | {read} |")


if __name__ == "__main__":
    main()
