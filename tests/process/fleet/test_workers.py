"""Real worker processes that die, hang, lie and refuse, and what their callers notice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
import uvloop

from tests.process.fleet.yard import (
    SETTINGS,
    Heard,
    generation,
    is_alive,
    kill,
    listen,
    scripted_fleet,
    status_of,
    until,
    wait_for_state,
)
from velocity_local.core.errors import (
    ModelFailed,
    ModelNotFound,
    ModelUnloaded,
    PoisonRequest,
)
from velocity_local.core.messages import Message
from velocity_local.core.requests import (
    ChatPrompt,
    DetokenizeRequest,
    EmbeddingRequest,
    RenderRequest,
    TextPrompt,
    TokenizeRequest,
)
from velocity_local.worker.backends.fake.script import Babble, Echo, Fault, Fixed, Script

pytestmark = pytest.mark.process
SLOW = Script(reply=Babble(mean_tokens=60), step_delay_s=0.002)
STEADY = Script(reply=Fixed("The quick brown fox. " * 8), step_delay_s=0.005)


def without_faults(script: Script) -> Script:
    return msgspec.structs.replace(script, faults=(), step_delay_s=0.0)


async def undisturbed(folder: Path, script: Script, prompts: list[str]) -> dict[str, str]:
    """What each prompt gives when nothing happens."""
    calm = folder / "calm"
    calm.mkdir()
    async with scripted_fleet(calm, {"m": without_faults(script)}) as fleet:
        heard = await asyncio.gather(*(listen(fleet, generation(prompt)) for prompt in prompts))
    return {prompt: one.text for prompt, one in zip(prompts, heard, strict=True)}


async def test_a_stream_runs_from_start_to_end(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {"m": Script(reply=Fixed("Hello, you."))}) as fleet:
        heard = await listen(fleet, generation("hi"))
    assert heard.text == "Hello, you."
    assert heard.finished.usage.completion_tokens == len(heard.tokens) + 1
    assert heard.load_ms > 0


async def test_calls_are_answered(tmp_path: Path) -> None:
    scripts = {"m": Script(), "e": Script(pooling="mean")}
    async with scripted_fleet(tmp_path, scripts) as fleet:
        tokenized = await fleet.tokenize(TokenizeRequest("t", "m", "abc"))
        text = await fleet.detokenize(DetokenizeRequest("d", "m", tokenized.tokens))
        prompt = ChatPrompt((Message("user", "hi"),))
        rendered = await fleet.render(RenderRequest("r", "m", prompt))
        embedded = await fleet.embed(EmbeddingRequest("e", "e", (TextPrompt("x"),)))
    assert (text, len(tokenized.pieces)) == ("abc", len(tokenized.tokens))
    assert "hi" in rendered
    assert len(embedded.vectors) == 1


async def test_an_unknown_model_is_not_found(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {}) as fleet:
        with pytest.raises(ModelNotFound):
            await listen(fleet, generation("hi"))


async def test_kills_at_random_points_lose_and_repeat_nothing(tmp_path: Path) -> None:
    prompts = [f"prompt {number}" for number in range(8)]
    expected = await undisturbed(tmp_path, SLOW, prompts)
    random_ = random.Random(1)
    async with scripted_fleet(tmp_path, {"m": SLOW}) as fleet:
        heard = {prompt: Heard() for prompt in prompts}
        async with asyncio.TaskGroup() as group:
            for prompt in prompts[:4]:
                group.create_task(listen(fleet, generation(prompt), heard[prompt]))
            await heard[prompts[0]].reaches(1)
            for prompt in prompts[4:]:
                group.create_task(listen(fleet, generation(prompt), heard[prompt]))
            for _ in range(5):
                await kill(fleet, number=signal.SIGKILL)
                progress = sum(one.count for one in heard.values())
                target = progress + random_.randint(40, 90)
                await _total_reaches(list(heard.values()), target)
        restarts = status_of(fleet).restarts
    assert {name: one.text for name, one in heard.items()} == expected
    assert all(one.finished.usage.completion_tokens > 0 for one in heard.values())
    assert restarts >= 3
    assert sum(one.resumes for one in heard.values()) >= 4


async def _total_reaches(heard: list[Heard], tokens: int) -> None:
    """Wait until all together have that many tokens, or are done."""
    await until(
        lambda: sum(one.count for one in heard) >= tokens or all(one.is_over for one in heard)
    )


@pytest.mark.parametrize("do", ["segfault", "abort", "exit", "kill"])
async def test_a_worker_that_ends_by_itself_costs_no_text(tmp_path: Path, do: str) -> None:
    once = str(tmp_path / "struck")
    fault = Fault(do=do, when="tokens", count=40, once=once)  # type: ignore[arg-type]  # a literal by parametrize
    script = msgspec.structs.replace(STEADY, faults=(fault,))
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        heard = await asyncio.gather(*(listen(fleet, generation(name)) for name in "ab"))
        status = status_of(fleet)
    assert [one.text for one in heard] == ["The quick brown fox. " * 8] * 2
    assert (status.restarts, [one.resumes for one in heard]) == (1, [1, 1])


async def test_the_cause_of_a_death_is_told_in_words(tmp_path: Path) -> None:
    script = Script(faults=(Fault(do="exit", when="load", exit_code=7),))
    settings = msgspec.structs.replace(SETTINGS, max_starts=1)
    async with scripted_fleet(tmp_path, {"m": script}, settings=settings) as fleet:
        with pytest.raises(ModelFailed, match="exited with code 7") as caught:
            await listen(fleet, generation("hi"))
    assert caught.value.retry_after_s is not None


async def test_a_load_failure_carries_the_workers_reason(tmp_path: Path) -> None:
    script = Script(faults=(Fault(do="error", when="load", message="bad magic"),))
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        with pytest.raises(ModelFailed, match="bad magic"):
            await listen(fleet, generation("hi"))
        status = await wait_for_state(fleet, "failed")
    assert (status.restarts, "bad magic" in (status.last_error or "")) == (0, True)


async def test_a_crash_loop_ends_and_leaves_the_other_model_alone(tmp_path: Path) -> None:
    scripts = {"m": STEADY, "bad": Script(faults=(Fault(do="abort", when="load"),))}
    async with scripted_fleet(tmp_path, scripts) as fleet:
        healthy = asyncio.create_task(listen(fleet, generation("hi")))
        with pytest.raises(ModelFailed, match="does not stay up"):
            await listen(fleet, generation("x", model="bad"))
        assert (await healthy).text == "The quick brown fox. " * 8
        assert status_of(fleet, "bad").restarts == 4
        assert status_of(fleet, "m").restarts == 0


async def test_a_hung_worker_is_found_and_replaced(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(SETTINGS, hang_timeout_s=0.5, ping_interval_s=0.1)
    async with scripted_fleet(tmp_path, {"m": STEADY}, settings=settings) as fleet:
        heard = Heard()
        stream = asyncio.create_task(listen(fleet, generation("hi"), heard))
        await heard.reaches(10)
        pid = await kill(fleet, number=signal.SIGSTOP)
        await stream
        assert not is_alive(pid)
        assert "did not answer" in (status_of(fleet).last_error or "")
    assert heard.text == "The quick brown fox. " * 8


async def test_a_poisonous_prompt_is_refused_and_its_neighbours_go_on(tmp_path: Path) -> None:
    evil = Fault(do="segfault", when="prompt", marker="EVIL")
    script = msgspec.structs.replace(STEADY, faults=(evil,))
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        heard = {name: Heard() for name in "abc"}
        streams = [
            asyncio.create_task(listen(fleet, generation(name), one)) for name, one in heard.items()
        ]
        await heard["a"].reaches(3)
        with pytest.raises(PoisonRequest, match="SIGSEGV"):
            await listen(fleet, generation("this is EVIL."))
        await asyncio.gather(*streams)
        with pytest.raises(PoisonRequest):
            await listen(fleet, generation("this is EVIL."))
        after = await listen(fleet, generation("and now?"))
    texts = {one.text for one in [*heard.values(), after]}
    assert texts == {"The quick brown fox. " * 8}


async def test_unload_during_a_stream_waits_for_it(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {"m": STEADY}) as fleet:
        heard = Heard()
        stream = asyncio.create_task(listen(fleet, generation("hi"), heard))
        await heard.reaches(5)
        pid = status_of(fleet).pid
        await fleet.unload("m")
        await stream
        assert pid is not None
        assert not is_alive(pid)
        assert status_of(fleet).state == "unloaded"
    assert heard.text == "The quick brown fox. " * 8


async def test_stopping_the_fleet_tells_streams_that_take_too_long(tmp_path: Path) -> None:
    script = msgspec.structs.replace(STEADY, step_delay_s=0.2)
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        heard = Heard()
        stream = asyncio.create_task(listen(fleet, generation("hi"), heard))
        await heard.reaches(2)
        await fleet.stop(drain_s=0.05)
        await stream
    assert heard.error.code == ModelUnloaded.code


async def test_leaving_a_stream_frees_the_worker(tmp_path: Path) -> None:
    script = Script(reply=Fixed("x" * 4000), step_delay_s=0.005)
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        async with fleet.stream(generation("hi")) as events:
            async for _ in events:
                break
        await listen(fleet, generation("next", max_tokens=1))
        await until(lambda: not status_of(fleet).running)


async def test_a_reader_that_sleeps_loses_nothing(tmp_path: Path) -> None:
    script = Script(reply=Fixed("abcdefghij" * 100))
    async with scripted_fleet(tmp_path, {"m": script}) as fleet:
        heard = Heard()
        async with fleet.stream(generation("hi")) as events:
            heard.hear(await anext(events))
            await listen(fleet, generation("other"))
            async for event in events:
                heard.hear(event)
    assert heard.text == "abcdefghij" * 100
    assert len(heard.events) < 1000


async def test_a_killed_worker_leaves_no_children_behind(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {"m": Script()}) as fleet:
        prompt = ChatPrompt((Message("user", "hi"),))
        await fleet.render(RenderRequest("r", "m", prompt))
        children = psutil.Process(status_of(fleet).pid).children(recursive=True)
        assert children
        await kill(fleet, number=signal.SIGKILL)
        await until(lambda: not any(is_running(child.pid) for child in children))


async def test_a_worker_holds_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary-1")
    monkeypatch.setenv("OPENAI_API_KEY", "canary-2")
    monkeypatch.setenv("VELOCITY_SECRET", "canary-3")
    async with scripted_fleet(tmp_path, {"m": Script()}) as fleet:
        await listen(fleet, generation("hi"))
        process = psutil.Process(status_of(fleet).pid)
        environment = process.environ()
        files = [file.path for file in process.open_files()]
        folder = process.cwd()
        sockets = process.net_connections()
    assert not [value for value in environment.values() if "canary" in value]
    assert (folder, sockets) == (Path(sys.executable).anchor, [])
    assert not [path for path in files if path.startswith(str(tmp_path))]


async def test_the_worker_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {"m": Script()}) as fleet:
        await listen(fleet, generation("hi"))
        pid = status_of(fleet).pid
        assert pid is not None
        assert os.getsid(pid) == pid != os.getsid(0)


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.process.fleet.yard import listen, generation, scripted_fleet, status_of
from velocity_local.worker.backends.fake.script import Script

async def main():
    async with scripted_fleet(Path(sys.argv[1]), {"m": Script()}) as fleet:
        await listen(fleet, generation("hi"))
        print(status_of(fleet).pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_workers_end_with_a_daemon_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PARENT, str(tmp_path)),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """A process whose parent has died may stay behind as a zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_same_under_uvloop(tmp_path: Path) -> None:
    async def story() -> Heard:
        async with scripted_fleet(tmp_path, {"m": STEADY}) as fleet:
            heard = Heard()
            stream = asyncio.create_task(listen(fleet, generation("hi"), heard))
            await heard.reaches(10)
            await kill(fleet, number=signal.SIGKILL)
            await stream
            return heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        heard = runner.run(story())
    assert (heard.text, heard.resumes) == ("The quick brown fox. " * 8, 1)


async def test_echo_of_what_was_asked(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, {"m": Script(reply=Echo())}) as fleet:
        heard = await listen(fleet, generation("say this"))
    assert heard.text == "say this"
