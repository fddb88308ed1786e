from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from velocity_local.core.conversations import (
    Attachment,
    Conversation,
    Parameters,
    Turn,
    markdown,
)

TALK = Conversation(
    "c",
    title="Counting",
    parameters=Parameters(system="Count."),
    head="q3",
    turns=(
        Turn("q1", None, "user", "One?"),
        Turn("a1", "q1", "assistant", "1."),
        Turn("a2", "q1", "assistant", "I.", model="demo", note="fast"),
        Turn("q2", "a1", "user", "Two?"),
        Turn("q3", "a2", "user", "Three?"),
    ),
)


def test_a_path_leads_from_the_beginning_to_the_head() -> None:
    assert [turn.id for turn in TALK.path()] == ["q1", "a2", "q3"]
    assert Conversation("empty").path() == ()


def test_branches_have_one_parent_and_go_on_where_they_were_left() -> None:
    assert [turn.id for turn in TALK.branches("q1")] == ["a1", "a2"]
    assert [turn.id for turn in TALK.branches(None)] == ["q1"]
    assert TALK.newest_below("a1") == "q2"
    assert TALK.newest_below("q1") == "q3"
    assert TALK.newest_below("q2") == "q2"


def test_a_page_tells_who_said_what() -> None:
    page = markdown(TALK)
    parts = ["# Counting", "Count.", "## You", "One?", "## demo", "I.", "*fast*", "Three?"]
    assert [page.index(part) for part in parts] == sorted(page.index(part) for part in parts)
    assert "Two?" not in page


@given(st.text())
def test_a_page_holds_no_control_characters(said: str) -> None:
    page = markdown(replace(TALK, title=said, turns=(Turn("q3", None, "user", said),)))
    assert all(c.isprintable() or c in "\n\t\u200c\u200d" for c in page)


@given(st.text(alphabet="`a\n", max_size=30))
def test_a_file_cannot_end_its_fence(text: str) -> None:
    prompt = Turn("q", None, "user", "See", attachments=(Attachment("f", text),)).prompt()
    fence = prompt.split("\n")[1]
    assert prompt.count(fence) == 2
    assert prompt.endswith(f"{fence}\n\nSee")
