"""Conversations over HTTP."""

from typing import Any

import httpx
import pytest

from tests.contract.admin.conftest import Daemon
from velocity_local.daemon.store import archive

HOSTILE = "\x1b]0;owned\x07 \u202egnp.exe <script>x</script> \x00 ```"


async def begin(daemon: Daemon, **fields: object) -> str:
    answer = await daemon.http.post("/api/v1/conversations", json=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def post_turn(daemon: Daemon, conversation: str, **fields: object) -> httpx.Response:
    asked = {"role": "user", "text": "Hello!", **fields}
    return await daemon.http.post(f"/api/v1/conversations/{conversation}/turns", json=asked)


async def add(daemon: Daemon, conversation: str, **fields: object) -> str:
    answer = await post_turn(daemon, conversation, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def whole(daemon: Daemon, conversation: str) -> dict[str, Any]:
    return dict((await daemon.get(f"/conversations/{conversation}")).json())


@pytest.fixture
async def talk(daemon: Daemon) -> str:
    """One question with two answers; the first was gone on with."""
    identifier = await begin(daemon, id="talk", model="demo")
    await add(daemon, identifier, id="q1", text="What is\nthis?")
    await add(daemon, identifier, id="a1", parent="q1", role="assistant", text="One.")
    await add(daemon, identifier, id="a2", parent="q1", role="assistant", text="Two.")
    await add(daemon, identifier, id="q2", parent="a1", text="Why?")
    return identifier


async def test_turns_make_a_tree_whose_last_one_is_the_head(daemon: Daemon, talk: str) -> None:
    found = await whole(daemon, talk)
    assert [(turn["id"], turn["parent"]) for turn in found["turns"]] == [
        ("q1", None), ("a1", "q1"), ("a2", "q1"), ("q2", "a1"),
    ]  # fmt: skip
    assert (found["head"], found["title"], found["model"]) == ("q2", "What is this?", "demo")


async def test_everything_of_a_turn_comes_back(daemon: Daemon) -> None:
    identifier = await begin(daemon, parameters={"system": "Count.", "temperature": 0.0})
    given = {
        "id": "t1", "parent": None, "role": "assistant", "text": HOSTILE, "reasoning": HOSTILE,
        "model": "demo", "note": "fast", "request_id": "req-1",
        "attachments": [{"name": "a.py", "text": HOSTILE}],
    }  # fmt: skip
    await add(daemon, identifier, **given)
    found = await whole(daemon, identifier)
    del found["turns"][0]["created_s"]
    assert found["turns"] == [given]
    assert found["parameters"]["system"] == "Count."


async def test_what_was_kept_already_is_not_kept_twice(daemon: Daemon, talk: str) -> None:
    await add(daemon, talk, id="q2", parent="a1", text="Why?")
    assert await begin(daemon, id="talk", title="Another") == talk
    found = await whole(daemon, talk)
    assert (len(found["turns"]), found["title"]) == (4, "What is this?")
    answer = await post_turn(daemon, talk, id="q2", parent="a1", text="Other words")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_title_model_parameters_and_head_can_be_changed(daemon: Daemon, talk: str) -> None:
    change = {"title": "Mine", "model": "other", "parameters": {"seed": 4}, "head": "a2"}
    answer = await daemon.http.patch(f"/api/v1/conversations/{talk}", json=change)
    found = await whole(daemon, talk)
    assert answer.json()["head"] == found["head"] == "a2"
    assert (found["title"], found["model"], found["parameters"]["seed"]) == ("Mine", "other", 4)
    assert len(found["turns"]) == 4


async def test_a_page_of_markdown_follows_the_head_and_commands_nothing(
    daemon: Daemon, talk: str
) -> None:
    await add(daemon, talk, parent="q2", role="assistant", text=HOSTILE, model="demo")
    answer = await daemon.get(f"/conversations/{talk}/export")
    page = answer.text
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment"
    assert page.index("One.") < page.index("Why?") < page.index("\\x1b]0;owned")
    assert "Two." not in page
    assert all(character.isprintable() or character == "\n" for character in page)


async def test_they_are_listed_searched_and_paged_the_last_changed_first(daemon: Daemon) -> None:
    for name in ("one", "two", "three"):
        daemon.clock.advance(1.0)
        await begin(daemon, id=name, title=name)
        await add(daemon, name, text=f"about 100% of {name}")
    first = (await daemon.get("/conversations", limit=2)).json()
    rest = (await daemon.get("/conversations", limit=2, after=first["next"])).json()
    assert [item["id"] for item in (*first["items"], *rest["items"])] == ["three", "two", "one"]
    assert rest["next"] is None
    assert first["items"][0]["n_turns"] == 1
    found = (await daemon.get("/conversations", text="100% OF t")).json()["items"]
    assert [item["id"] for item in found] == ["three", "two"]
    assert (await daemon.get("/conversations", text="100_")).json()["items"] == []


async def test_a_deleted_one_is_gone_with_its_turns(daemon: Daemon, talk: str) -> None:
    answer = await daemon.http.delete(f"/api/v1/conversations/{talk}")
    assert answer.json()["deleted"] == 1
    assert (await daemon.get(f"/conversations/{talk}")).status_code == 404
    assert (await daemon.get("/conversations", text="Why")).json()["items"] == []
    assert (await daemon.http.delete(f"/api/v1/conversations/{talk}")).status_code == 404
    assert await begin(daemon, id=talk) == talk
    assert (await whole(daemon, talk))["turns"] == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"parent": "nobody"}, "parent"),
        ({"role": "system"}, "role"),
        ({"text": "x" * (2 * 1024 * 1024 + 1)}, "text"),
        ({"attachments": [{"name": "n", "text": ""}] * 17}, "attachments"),
        ({"id": "a/b"}, "id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_turn_that_cannot_be_kept_is_refused_by_name(
    daemon: Daemon, talk: str, fields: dict[str, object], param: str
) -> None:
    answer = await post_turn(daemon, talk, **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_unknown_ones_are_not_found(daemon: Daemon, talk: str) -> None:
    assert (await post_turn(daemon, "none")).status_code == 404
    changed = await daemon.http.patch("/api/v1/conversations/none", json={"title": "x"})
    assert changed.status_code == 404
    assert (await daemon.get("/conversations/none/export")).status_code == 404
    change = await daemon.http.patch(f"/api/v1/conversations/{talk}", json={"head": "zz"})
    assert (change.status_code, change.json()["error"]["param"]) == (400, "head")
    after = await daemon.get("/conversations", after="zz")
    assert (after.status_code, after.json()["error"]["param"]) == (400, "after")


async def test_a_conversation_holds_only_so_much(
    daemon: Daemon, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_TURNS", 4)
    answer = await post_turn(daemon, talk)
    assert answer.status_code == 413
    assert "begin a new one" in answer.json()["error"]["message"]
