"""A process that records rows until it is killed. Each id is told on standard output twice:
`sent ID` before it is handed over, `acked ID` once `record` has returned.

Arguments: the database, the first number, a kill point or "-".
"""

import asyncio
import itertools
import sys
from pathlib import Path

from velocity_local.core import killpoints
from velocity_local.core.clock import SystemClock
from velocity_local.core.history import RequestRow
from velocity_local.daemon.store.history import History

STREAMS = 8


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def made(request_id: str, status: str) -> RequestRow:
    return RequestRow(
        id=request_id,
        created_s=1.0,
        dialect="openai",
        endpoint="/v1/completions",
        model="demo",
        fingerprint="f",
        status=status,
        http_status=200,
        stream=False,
        answer_text=request_id * 20,
    )


async def stream(history: History, numbers: "itertools.count[int]") -> None:
    for number in numbers:
        request_id = f"r{number}"
        tell(f"sent {request_id}")
        history.begin(made(request_id, "running"))
        await history.record(made(request_id, "ok"))
        tell(f"acked {request_id}")


async def main(path: Path, first: int) -> None:
    history = History(path, clock=SystemClock())
    await history.open()
    tell("open")
    numbers = itertools.count(first)
    await asyncio.gather(*(stream(history, numbers) for _ in range(STREAMS)))


if __name__ == "__main__":
    killpoints.arm("" if sys.argv[3] == "-" else sys.argv[3])
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
