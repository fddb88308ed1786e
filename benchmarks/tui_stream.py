"""What a fast answer costs the terminal UI: text comes over a socket while somebody types.

python -m benchmarks.tui_stream [--rate 1000] [--seconds 20] [--text dense]

Prints one JSON document. Of the two texts one has paragraphs, lists and code as answers usually
have them; in the dense one every other word begins a block, and each block is a widget. The answer
comes from a process of its own. The UI draws for a terminal of 120 x 40 that takes all at once; its
processor time is that of its whole process, the typing included.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from textual import events
from textual.pilot import Pilot

from velocity_local.client.chat import ChatRequest
from velocity_local.client.http import HttpClient
from velocity_tui.answering import Answering
from velocity_tui.app import VelocityApp
from velocity_tui.door import RemoteDaemon
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.session import Session
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.turns import Reply

SIZE = (120, 40)
KEY_EVERY_S = 0.25
HEAD = '"id":"c","created":1,"model":"m","system_fingerprint":"f"'
EVENT = f'data: {{{HEAD},"choices":[{{"index":0,"delta":{{"content":%s}}}}]}}\n\n'
END = (
    f'data: {{{HEAD},"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
    "data: [DONE]\n\n"
)
DENSE = (
    "## A heading\n\nSome **words** of a paragraph with `code` in it, and then some more of them, "
    "until the line is full.\n\n- one thing\n- another thing\n\n```python\nfor each in range(3):\n"
    "    print(each)\n```\n\n"
)
USUAL = (
    "## How a queue keeps its order\n\nA **queue** hands out what was put in first. Whoever adds "
    "waits for nobody, and whoever takes waits only while it is empty; the order is that of the "
    "adding, whatever the threads do. A list with a lock does the same, though everybody waits for "
    "everybody there.\n\nThe lock is `queue.mutex`, and it is held for as long as one item takes: "
    "neither a slow producer nor a slow consumer holds it while working.\n\n"
    "- Items are taken in the order in which they were put in, by whichever thread asks first.\n"
    "- `put` returns at once unless the queue has a limit and is full.\n"
    "- `get` waits for an item, for as long as it is told to, and raises `Empty` after that.\n"
    "- `join` returns once every item has been taken and reported as done.\n\n"
    "```python\ndef work(items: Queue[Path], done: list[Path]) -> None:\n"
    "    while (item := items.get()) is not None:\n        try:\n            handle(item)\n"
    "        except OSError as error:\n            log.warning('%s: %s', item, error)\n"
    "        else:\n            done.append(item)\n        finally:\n"
    "            items.task_done()\n```\n\n"
    "One thread is enough where the work waits for a disk; several pay where it computes and "
    "leaves the interpreter while it does. More threads than cores only wait for each other.\n\n"
)
PASSAGES = {"usual": USUAL, "dense": DENSE}


def tokens(passage: str) -> list[str]:
    """It in pieces of about four characters."""
    return [passage[at : at + 4] for at in range(0, len(passage), 4)]


class Feed(BaseHTTPRequestHandler):
    """Answers a chat with so many tokens a second."""

    rate = 1000
    seconds = 20
    passage = USUAL

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        pieces, begun_s = tokens(self.passage), time.monotonic()
        for number in range(self.rate * self.seconds):
            ahead_s = begun_s + number / self.rate - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
            self.wfile.write((EVENT % json.dumps(pieces[number % len(pieces)])).encode())
        self.wfile.write(END.encode())

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Fed(Session):
    """A session whose answers come from the feed."""

    def __init__(self, url: str) -> None:
        super().__init__(RemoteDaemon(url, None))
        self._url = url

    def answer(self, request: ChatRequest) -> Answering:
        return Answering(HttpClient(self._url), request)


async def measure(url: str, n_tokens: int, passage: str = USUAL) -> dict[str, object]:
    app = VelocityApp(Fed(url))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("alt+2")
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        screen.talk_to("m")
        screen.query_one(Draft).post_message(Draft.Submitted("Go."))
        while not screen.is_answering:  # noqa: ASYNC110 - the screen has no event for it
            await asyncio.sleep(0.01)
        begun_s, begun_cpu_s = time.monotonic(), time.process_time()
        keys_ms = await _type(pilot, screen)
        wall_s, cpu_s = time.monotonic() - begun_s, time.process_time() - begun_cpu_s
        reply = screen.query(Reply).last()
        pieces = tokens(passage)
        expected = "".join(pieces[number % len(pieces)] for number in range(n_tokens))
        return {
            "tokens": n_tokens,
            "tokens_per_s": round(n_tokens / wall_s, 1),
            "is_whole": reply.text == expected,
            "updates": reply.n_updates,
            "updates_per_s": round(reply.n_updates / wall_s, 2),
            "cpu_share_of_a_core": round(cpu_s / wall_s, 3),
            "keys": len(keys_ms),
            "key_ms_median": round(statistics.median(keys_ms), 1),
            "key_ms_max": round(max(keys_ms), 1),
        }


async def _type(pilot: Pilot[None], screen: ChatScreen) -> list[float]:
    """Until the answer has ended: how long each letter took to stand in the draft."""
    draft, taken_ms = screen.query_one(Draft), []
    while screen.is_answering:
        n_before, begun_s = len(draft.text), time.monotonic()
        pilot.app.post_message(events.Key("x", "x"))
        while len(draft.text) == n_before:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        taken_ms.append((time.monotonic() - begun_s) * 1000)
        await asyncio.sleep(KEY_EVERY_S)
    return taken_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--text", choices=PASSAGES, default="usual")
    parser.add_argument("--feed", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.feed:
        Feed.rate, Feed.seconds, Feed.passage = given.rate, given.seconds, PASSAGES[given.text]
        server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
        print(server.server_address[1], flush=True)
        server.serve_forever()
    feed = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.tui_stream", "--feed", *sys.argv[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert feed.stdout is not None
        url = f"http://127.0.0.1:{feed.stdout.readline().strip()}"
        figures = asyncio.run(measure(url, given.rate * given.seconds, PASSAGES[given.text]))
        print(json.dumps({"text": given.text, **figures}, indent=2))
    finally:
        feed.kill()
        feed.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
