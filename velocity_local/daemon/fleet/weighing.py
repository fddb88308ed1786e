"""Asks the engine, in a process of its own, what a load would take: about a third of a second,
and no memory for the model. The process may fail, hang or crash; then its reason is the answer.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from velocity_local.core.errors import ModelFailed, from_info
from velocity_local.core.models import Buffers, LoadOptions
from velocity_local.daemon.fleet.exits import read_exit
from velocity_local.daemon.fleet.process import isolation
from velocity_local.wire.ipc.weighing import MAX_ANSWER_BYTES, WEIGHING_MODULE, Weigh, Weighed

TIMEOUT_S = 20.0
COMMAND = (sys.executable, "-P", "-s", "-m", WEIGHING_MODULE)


class DryRuns:
    """One at a time, so that a list of models does not become as many processes."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        command: tuple[str, ...] = COMMAND,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()

    async def weigh(self, path: str, options: LoadOptions) -> Buffers:
        """The buffers of a load.

        Raises:
            VelocityError: `ModelFailed` if the engine refuses, dies or does not answer.
        """
        async with self._turn:
            code, answer, log = await self._ask(msgspec.json.encode(Weigh(path, options)))
        if code:
            raise ModelFailed(f"the engine could not be asked: {read_exit(code, log).description}")
        return _read(answer)

    async def _ask(self, question: bytes) -> tuple[int | None, bytes, str]:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=Path(sys.executable).anchor,
            **isolation(),
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer, log = await process.communicate(question)
        except TimeoutError as error:
            raise ModelFailed(
                f"the engine did not say within {self._timeout_s:g} s what the model takes"
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        lines = log.decode(errors="replace").strip().splitlines()
        return process.returncode, answer, lines[-1] if lines else ""


def _read(answer: bytes) -> Buffers:
    if len(answer) > MAX_ANSWER_BYTES:
        raise ModelFailed("the engine's answer is too long")
    try:
        weighed = msgspec.json.decode(answer, type=Weighed)
    except msgspec.DecodeError as error:
        raise ModelFailed(f"the engine's answer makes no sense: {error}") from error
    if weighed.error is not None:
        raise from_info(weighed.error)
    if weighed.buffers is None:
        raise ModelFailed("the engine said nothing of the model")
    return weighed.buffers
