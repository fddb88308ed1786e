import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from velocity_local.core.errors import TemplateError
from velocity_local.core.messages import Message
from velocity_local.worker.chat.chatml import CHATML
from velocity_local.worker.chat.render_jobs import LENGTH, Compile, RenderJob
from velocity_local.worker.render_host import RenderHost

pytestmark = pytest.mark.process

CORPUS = Path(__file__).parents[2] / "corpora" / "templates" / "hostile.toml"
HOSTILE = [
    pytest.param(case["source"] * case.get("times", 1), case["reason"], id=case["name"])
    for case in tomllib.loads(CORPUS.read_text(encoding="utf-8"))["case"]
]
JOB = RenderJob((Message("user", "Hello"),), (), {}, continues_final=False)
RENDERED = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def host() -> Iterator[RenderHost]:
    host = RenderHost()
    host.start()
    yield host
    host.close()


@pytest.fixture(scope="module")
def hasty_host() -> Iterator[RenderHost]:
    """One with less patience than a worker's, for templates that never end."""
    host = RenderHost(time_limit_s=0.8)
    host.start()
    yield host
    host.close()


@pytest.mark.parametrize(("source", "reason"), HOSTILE)
def test_a_hostile_template_is_refused_and_the_next_is_rendered(
    host: RenderHost, hasty_host: RenderHost, source: str, reason: str
) -> None:
    host = hasty_host if reason == "longer than" else host
    host.use(source, {})
    with pytest.raises(TemplateError, match=reason):
        host.render(JOB)
    host.use(CHATML, {})
    assert host.render(JOB) == RENDERED


def test_a_template_that_did_not_compile_is_not_tried_again(host: RenderHost) -> None:
    host.use("{% if %}", {})
    with pytest.raises(TemplateError) as first:
        host.prepare()
    with pytest.raises(TemplateError) as second:
        host.render(JOB)
    assert first.value.message == second.value.message


def test_a_renderer_killed_from_outside_is_replaced() -> None:
    host = RenderHost()
    host.use(CHATML, {})
    assert host.render(JOB) == RENDERED
    assert host.pid is not None
    _kill(host.pid)
    with pytest.raises(TemplateError, match="ended"):
        host.render(JOB)
    assert host.render(JOB) == RENDERED
    host.close()


def _kill(pid: int) -> None:
    import psutil

    psutil.Process(pid).kill()


@pytest.mark.parametrize(
    "attempt",
    ["open('x')", "__import__('socket')", "__import__('os').system('true')", "eval('open')('x')"],
)
def test_a_renderer_that_serves_can_open_nothing(attempt: str) -> None:
    program = f"from velocity_local.worker.chat import renderer; renderer.forbid(); {attempt}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode != 0
    assert "TemplateFault: it tried to" in result.stderr


def test_a_renderer_ends_with_its_input() -> None:
    program = "from velocity_local.worker.chat.renderer import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=30
    )
    assert result.returncode == 0


def test_a_renderer_that_loops_ends_though_its_host_is_gone() -> None:
    program = "from velocity_local.worker.chat.renderer import main; main(orphan_limit_s=0.3)"
    job = msgspec.msgpack.encode(Compile("{{ 9 ** (9 ** 9) }}", {}))
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=LENGTH.pack(len(job)) + job,
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert b"Timeout" in result.stderr
