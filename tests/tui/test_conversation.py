import msgspec

from velocity_tui.conversation import Answer, Conversation, Parameters

TALK = (
    Conversation()
    .asked("One?")
    .answered(Answer("1.", "hm", "fast"))
    .asked("Two?")
    .answered(Answer("", note="broke off"))
    .asked("Three?")
)


def test_a_request_has_the_roles_in_turns() -> None:
    request = TALK.request("demo", Parameters(system="Count.", temperature=0.0))
    assert [(turn.role, turn.content) for turn in request.messages] == [
        ("system", "Count."),
        ("user", "One?"),
        ("assistant", "1."),
        ("user", "Three?"),
    ]
    assert request.temperature == 0.0
    assert request.max_tokens is None


def test_what_is_behind_a_turn_can_be_cut_off() -> None:
    assert [exchange.question for exchange in TALK.until(1).exchanges] == ["One?"]


def test_an_export_holds_everything() -> None:
    page = TALK.markdown("demo", Parameters(system="Count."))
    assert page.index("Count.") < page.index("One?") < page.index("1.") < page.index("Three?")
    document = msgspec.json.decode(TALK.json("demo", Parameters(seed=4)))
    assert document["schema"] == "velocity-local/conversation/1"
    assert document["parameters"]["seed"] == 4
    assert document["exchanges"][0]["answer"]["reasoning"] == "hm"


def test_only_chosen_parameters_are_told() -> None:
    assert Parameters().told() == ""
    assert Parameters(system="x", temperature=0.5).told() == "system · temperature 0.5"
