"""An OpenAI-compatible server in a thread of its own that answers as it is told."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from tests.support.wire_server import Step, WireServer, event_stream, json_answer, wire_server

TEXT = '{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}'
STOP = '{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = '{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
HELLO = event_stream(TEXT % "Hel", TEXT % "lo", STOP, USAGE, "[DONE]")
NO_TOKENIZER = json_answer('{"error":"no such route"}', "404 Not Found")


@dataclass
class Served:
    """A server in a thread of its own. `chats` are the requests that were no tokenizing."""

    server: WireServer
    n_chats: int = 0
    bodies: list[dict[str, object]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.server.url}/v1"


Answers = Callable[[int], Sequence[Step]]


@contextmanager
def serving(answers: Answers) -> Iterator[Served]:
    """Answers chats by their number; has no tokenizer."""
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    found: list[Served] = []

    def script(number: int) -> Sequence[Step]:
        served = found[0]
        received = served.server.requests[number]
        if not received.path.startswith("/v1"):
            return [NO_TOKENIZER]
        served.bodies.append(msgspec.json.decode(received.body))
        served.n_chats += 1
        return answers(served.n_chats - 1)

    async def serve() -> None:
        async with wire_server(script) as server:
            found.append(Served(server))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
