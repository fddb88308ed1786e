"""The history over HTTP."""

import pytest

from tests.contract.admin.conftest import Daemon
from tests.unit.daemon.store.rows import row


@pytest.fixture
async def busy(daemon: Daemon) -> Daemon:
    now_s = daemon.clock.wall_s()
    for number in range(5):
        await daemon.history.record(
            row(f"r{number}", created_s=now_s - 10 + number, ttft_ms=number * 1.0,
                completion_tokens=number, status="error" if number == 3 else "ok",
                error_message="no room" if number == 3 else None)
        )  # fmt: skip
    return daemon


async def test_pages_follow_one_another(busy: Daemon) -> None:
    first = (await busy.get("/requests", limit=3)).json()
    assert first["version"] == 1
    assert [item["id"] for item in first["items"]] == ["r4", "r3", "r2"]
    second = (await busy.get("/requests", limit=3, after=first["next"])).json()
    assert [item["id"] for item in second["items"]] == ["r1", "r0"]
    assert second["next"] is None


async def test_every_field_of_a_row_is_there_even_if_empty(busy: Daemon) -> None:
    item = (await busy.get("/requests", limit=1)).json()["items"][0]
    assert item["prompt_text"] is None
    assert (item["choices"], item["resumes"], item["model"]) == (1, 0, "demo")
    assert (await busy.get("/requests/r4")).json() == item


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({"status": "error"}, ["r3"]),
    ({"model": "other"}, []),
    ({"text": "ROOM"}, ["r3"]),
    ({"sort": "ttft", "order": "ascending", "limit": 2}, ["r0", "r1"]),
    ({"dialect": "openai", "sort": "completion_tokens", "limit": 1}, ["r4"]),
    ({"since_s": 1_699_999_993.0}, ["r4", "r3"]),
    ({"until_s": 1_699_999_991.0}, ["r0"]),
]


async def test_filters_and_order(busy: Daemon) -> None:
    for query, expected in FILTERS:
        found = (await busy.get("/requests", **query)).json()
        assert [item["id"] for item in found["items"]] == expected, query


MISTAKES: list[tuple[str, str, str]] = [
    ("/requests?limit=501", "invalid_value", "limit"),
    ("/requests?limit=0", "invalid_value", "limit"),
    ("/requests?limit=many", "invalid_value", "limit"),
    ("/requests?status=odd", "invalid_value", "status"),
    ("/requests?sort=price", "invalid_value", "sort"),
    ("/requests?after=mine", "invalid_value", "after"),
    ("/requests?modle=demo", "unsupported_parameter", "modle"),
    ("/requests?model=a&model=b", "invalid_value", "model"),
    ("/requests?since_s=nan", "invalid_value", "since_s"),
    ("/requests?since_s=-1", "invalid_value", "since_s"),
    ("/requests/stats?window_s=0", "invalid_value", "window_s"),
    ("/requests/stats?window_s=inf", "invalid_value", "window_s"),
    ("/requests/r1?verbose", "unsupported_parameter", "verbose"),
]


async def test_a_wrong_parameter_is_named(daemon: Daemon) -> None:
    for path, code, param in MISTAKES:
        answer = await daemon.get(path)
        error = answer.json()["error"]
        found = (answer.status_code, error["code"], error["param"])
        assert found == (400, code, param), path


async def test_stats_sum_up_the_window(busy: Daemon) -> None:
    found = (await busy.get("/requests/stats", window_s=9)).json()
    assert found["version"] == 1
    assert found["total"]["by_status"] == {"ok": 3, "error": 1}
    assert found["total"]["requests_per_s"] == pytest.approx(4 / 9)
    assert found["total"]["ttft_ms"]["p50"] == 2.0
    assert found["total"]["queue_ms"] is None
    assert set(found["models"]) == {"demo"}


async def test_requests_are_forgotten_one_by_one_and_by_age(busy: Daemon) -> None:
    gone = await busy.http.delete("/api/v1/requests/r4")
    assert gone.json() == {"deleted": 1, "version": 1}
    again = await busy.http.delete("/api/v1/requests/r4")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "not_found")
    before_s = busy.clock.wall_s() - 8
    gone = await busy.http.delete("/api/v1/requests", params={"before_s": before_s})
    assert gone.json()["deleted"] == 2
    left = (await busy.get("/requests")).json()
    assert [item["id"] for item in left["items"]] == ["r3", "r2"]


async def test_forgetting_without_saying_what_forgets_nothing(busy: Daemon) -> None:
    answer = await busy.http.delete("/api/v1/requests")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "before_s")
    assert len((await busy.get("/requests")).json()["items"]) == 5


async def test_an_unknown_request_is_not_found(daemon: Daemon) -> None:
    answer = await daemon.get("/requests/none")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
