"""One process at a time, with other programs in the worker's place: those that misbehave."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.process.fleet.yard import is_alive, until
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.process import Stop, WorkerProcess
from velocity_local.daemon.fleet.worker_log import WorkerLog
from velocity_local.wire.ipc.codec import MAX_FRAME_BYTES
from velocity_local.wire.ipc.messages import AnyReport, Ping, Pong

pytestmark = pytest.mark.process
PYTHON = (sys.executable, "-c")
WRITE = "import os, sys, time\nout = lambda data: os.write(1, data)\n"
PONG = (
    "import sys\n"
    f"sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
    "from velocity_local.wire.ipc.codec import encode\n"
    "from velocity_local.wire.ipc.messages import EngineLoad, Pong\n"
    "pong = encode(Pong(7, EngineLoad(0, 0, 0, 0.0)))\n"
)


class Witness:
    """Writes down what a process did."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.reports: list[AnyReport] = []
        self.garbage: list[str] = []
        self.exits: list[str] = []

    def on_spawned(self, worker_id: int, pid: int) -> None:
        self.pid = pid

    def on_report(self, worker_id: int, report: AnyReport) -> None:
        assert not self.exits
        self.reports.append(report)

    def on_garbage(self, worker_id: int, reason: str) -> None:
        self.garbage.append(reason)

    def on_exit(self, worker_id: int, end: Exit) -> None:
        self.exits.append(end.description)


class Case:
    """A program under the eyes of a witness."""

    def __init__(self, folder: Path) -> None:
        self.witness = Witness()
        self.log = WorkerLog(folder / "log")
        self.process = WorkerProcess(1, listener=self.witness, log=self.log)

    async def run(self, *command: str) -> None:
        await self.process.spawn(command, {})

    async def program(self, source: str) -> None:
        await self.run(*PYTHON, WRITE + source)

    async def ended(self) -> str:
        await until(lambda: bool(self.witness.exits))
        assert len(self.witness.exits) == 1
        return self.witness.exits[0]

    async def kill(self) -> None:
        self.process.stop(Stop.KILL)
        await self.ended()


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


async def test_a_program_that_is_not_there_has_an_exit(case: Case) -> None:
    await case.run("/no/such/program")
    assert "could not be started" in await case.ended()
    assert case.witness.pid is None


async def test_an_exit_code_and_the_last_words_are_told(case: Case) -> None:
    await case.program("sys.stderr.write('first\\nGGML_ASSERT(ok) failed\\n'); sys.exit(5)")
    assert await case.ended() == (
        "its process exited with code 5; it said last: GGML_ASSERT(ok) failed"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("out(b'Hello, this is no frame at all'); time.sleep(60)", "announced"),
        (f"out(({MAX_FRAME_BYTES} + 1).to_bytes(4, 'little')); time.sleep(60)", "announced"),
        ("out(b'\\x04\\0\\0\\0' + b'\\xc1junk'); time.sleep(60)", "not a message"),
        ("out(b'\\x02\\0\\0\\0' + b'\\x91\\x63'); time.sleep(60)", "not a message"),
        ("os.close(1); time.sleep(60)", "closed its channel"),
    ],
)
async def test_what_is_no_report_is_told_once(case: Case, source: str, reason: str) -> None:
    await case.program(source)
    await until(lambda: bool(case.witness.garbage))
    await case.kill()
    assert len(case.witness.garbage) == 1
    assert reason in case.witness.garbage[0]


async def test_a_flood_of_garbage_is_told_once_and_ends_with_a_kill(case: Case) -> None:
    await case.program("while True: out(b'\\xff' * 65536)")
    await until(lambda: bool(case.witness.garbage))
    await case.kill()
    assert len(case.witness.garbage) == 1


async def test_reports_sent_before_the_end_arrive_before_the_end(case: Case) -> None:
    await case.run(*PYTHON, PONG + "import os\nos.write(1, pong * 1000)\nos.abort()")
    assert "SIGABRT" in await case.ended()
    assert len(case.witness.reports) == 1000


async def test_half_a_report_before_the_end_is_nothing(case: Case) -> None:
    await case.run(*PYTHON, PONG + "import os\nos.write(1, pong + pong[:-1])\nos._exit(1)")
    await case.ended()
    assert case.witness.reports == [Pong(7, case.witness.reports[0].load)]  # type: ignore[union-attr]  # it is a Pong
    assert case.witness.garbage == []


async def test_a_flood_on_standard_error_does_not_stop_the_worker(case: Case) -> None:
    flood = "sys.stderr.write('x' * 99 + '\\n' * 1)\n"
    await case.program(f"for _ in range(20000):\n    {flood}sys.exit(0)")
    assert "code 0" in await case.ended()
    assert case.log.tail()[0] == "x" * 99


async def test_a_program_that_ignores_signals_is_killed(case: Case) -> None:
    await case.program(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nout(b'')\n"
        "sys.stderr.write('ready\\n'); sys.stderr.flush()\ntime.sleep(60)"
    )
    await until(lambda: "ready" in case.log.tail())
    case.process.stop(Stop.TERMINATE)
    await asyncio.sleep(0.05)
    assert case.witness.exits == []
    case.process.stop(Stop.KILL)
    assert "SIGKILL" in await case.ended()


async def test_grandchildren_end_with_a_worker_that_is_killed(case: Case) -> None:
    await case.program(
        "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
        "sys.stderr.write(f'{child.pid}\\n'); sys.stderr.flush()\ntime.sleep(60)"
    )
    await until(lambda: len(case.log.tail()) > 1)
    child = int(case.log.last_words())
    assert is_alive(child)
    await case.kill()
    await until(lambda: not is_alive(child) or _is_zombie(child))


async def test_an_exit_is_told_although_a_grandchild_holds_the_pipes(case: Case) -> None:
    await case.program(
        "import subprocess\nchild = subprocess.Popen(['sleep', '30'])\n"
        "sys.stderr.write(f'{child.pid}\\n'); sys.stderr.flush()\nos._exit(3)"
    )
    async with asyncio.timeout(10):
        assert "code 3" in await case.ended()
    os.kill(int(case.log.tail()[1]), signal.SIGKILL)


async def test_a_stop_before_the_start_prevents_it(case: Case) -> None:
    case.process.stop(Stop.KILL)
    await case.program("time.sleep(60)")
    await case.ended()
    assert case.witness.pid is None


async def test_commands_to_a_process_that_is_gone_are_dropped(case: Case) -> None:
    await case.program("sys.exit(0)")
    await case.ended()
    case.process.send(Ping(1))
    case.process.stop(Stop.ABORT)


def _is_zombie(pid: int) -> bool:
    return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
