import msgspec

from velocity_local.core.conversations import Attachment, Conversation, Parameters, Turn
from velocity_tui.conversation import added, as_json, changed, places, request, switched, told

TALK = Conversation(
    "c",
    head="q3",
    turns=(
        Turn("q1", None, "user", "One?"),
        Turn("a1", "q1", "assistant", "1.", reasoning="hm"),
        Turn("q2", "a1", "user", "Two?"),
        Turn("a2", "q2", "assistant", "", note="broke off"),
        Turn("q3", "a2", "user", "Three?", attachments=(Attachment("f.py", "x = 1"),)),
        Turn("b1", "q1", "assistant", "I."),
    ),
)


def test_a_request_has_the_roles_in_turns() -> None:
    asked = request(TALK, "demo", Parameters(system="Count.", temperature=0.0))
    assert [(turn.role, turn.content) for turn in asked.messages] == [
        ("system", "Count."),
        ("user", "One?"),
        ("assistant", "1."),
        ("user", "f.py:\n```\nx = 1\n```\n\nThree?"),
    ]
    assert asked.temperature == 0.0
    assert asked.max_tokens is None


def test_a_turn_that_is_added_is_where_it_goes_on_and_the_first_names_it() -> None:
    talk = added(Conversation("c"), Turn("q", None, "user", "Why\nnot?"))
    assert (talk.head, talk.title) == ("q", "Why not?")
    again = changed(talk, Turn("q", None, "user", "Other"))
    assert again.turns[0].text == "Other"


def test_branches_are_gone_through_round_and_go_on_where_they_were_left() -> None:
    other = switched(TALK, "a1", 1)
    assert other.head == "b1"
    assert switched(other, "b1", 1).head == "q3"
    assert switched(other, "b1", -1).head == "q3"
    assert [(p.turn.id, p.branch, p.n_branches) for p in places(other)] == [
        ("q1", 1, 1),
        ("b1", 2, 2),
    ]


def test_an_export_for_programs_holds_all_branches() -> None:
    document = msgspec.json.decode(as_json(TALK))
    assert document["schema"] == "velocity-local/conversation/1"
    assert [turn["id"] for turn in document["conversation"]["turns"]][-1] == "b1"


def test_only_chosen_parameters_are_told() -> None:
    assert told(Parameters()) == ""
    assert told(Parameters(system="x", temperature=0.5)) == "system · temperature 0.5"
