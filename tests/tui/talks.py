"""Chat and the first run with everything on them that there is to see, from values alone."""

from textual.pilot import Pilot
from textual.widgets import Markdown

from tests.tui.snapshots import SYSTEM, snapshot
from velocity_local.core.conversations import Attachment, Conversation, Parameters, Summary, Turn
from velocity_local.core.search import Found, FoundVariant
from velocity_tui.messages import SnapshotArrived
from velocity_tui.proposal import propose
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.welcome import Welcome
from velocity_tui.session import Session
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.shelf import Shelf

ANSWER = """Sure. A **queue** has two ends:

1. *enqueue* adds at the tail
2. *dequeue* takes from the head

```python
from collections import deque

waiting = deque(["first", "second"])
print(waiting.popleft())
```

| operation | cost |
|---|---|
| append | O(1) |
| popleft | O(1) |

> Lists move all their items when the first is taken."""
FIGURES = (
    "prompt 31 tokens (16 cached) · answer 120 tokens · first token 42.0 ms · 61.3 tok/s · "
    "total 2.00 s"
)
TALK = Conversation(
    "c1",
    "What is a queue?",
    "demo",
    head="a3",
    parameters=Parameters(system="Be brief.", temperature=0.2),
    turns=(
        Turn("q1", None, "user", "What is a queue? Show me one in Python.",
             attachments=(Attachment("notes.md", "# Notes"),)),
        Turn("a1", "q1", "assistant", "It has two ends.", model="demo", note=FIGURES),
        Turn("a2", "q1", "assistant", ANSWER, reasoning="A deque is right.", model="demo",
             note=FIGURES),
        Turn("q3", "a2", "user", "And a stack?"),
        Turn("a3", "q3", "assistant", "A stack is used at one end: `append` and `pop`.",
             model="demo", note="broke off: the connection broke off. F5 asks again."),
    ),
)  # fmt: skip
KEPT = tuple(
    Summary(f"c{number}", title, model, 1.76e9, 1.79e9 - number * 86_400, 4)
    for number, (title, model) in enumerate(
        (
            ("What is a queue?", "demo"),
            ("Translate the release notes into Italian, and check the dates", "qwen3-4b:Q4_K_M"),
            ("A name for a cat", "demo"),
        ),
        start=1,
    )
)
SHIPPED = Found(
    "owner/model-GGUF",
    "catalogue",
    "gguf",
    (FoundVariant("Q4_K_M", 2_500_000_000, True, "model:Q4_K_M", "cpu", "8.0 GB of memory free"),),
    name="model-4b",
    parameters=4_000_000_000,
    context_length=262_144,
    licence="apache-2.0",
)


async def chat(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(snapshot()))
    await pilot.press("alt+2")
    screen = pilot.app.screen
    assert isinstance(screen, ChatScreen)
    await screen.open_conversation(TALK)
    screen.query_one(Shelf).show(KEPT, "c1")
    await _laid_out(pilot)


async def beside(pilot: Pilot[None]) -> None:
    await chat(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ChatScreen)
    await screen.sides.open_second("c9", "qwen3-4b:Q4_K_M")
    screen._tell_with_whom()
    await _laid_out(pilot)


async def welcome(pilot: Pilot[None]) -> None:
    pilot.app.post_message(SnapshotArrived(snapshot()))
    await pilot.press("alt+1")
    session: Session = pilot.app.session  # type: ignore[attr-defined] # the app's own
    pilot.app.push_screen(Welcome(session, SYSTEM, propose([SHIPPED], None), "demo"))
    await pilot.pause()


async def _laid_out(pilot: Pilot[None]) -> None:
    """Markdown is laid out on the side; a cursor would blink, and focus comes a moment later."""
    draft = pilot.app.screen.query_one(Draft)
    draft.read_only, draft.show_cursor = True, False
    draft.focus()
    while not draft.has_focus:
        await pilot.pause()
    while any(not shown.children for shown in pilot.app.screen.query(Markdown)):
        await pilot.pause()
    await pilot.pause()
