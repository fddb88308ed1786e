"""What is refused before any model hears of it is in the history too."""

import pytest

from tests.support.asgi import call
from tests.support.scripted import Stage


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
@pytest.mark.parametrize("body", [b"{", b'{"model": 1}', b'{"model": "demo", "no_such_field": 1}'])
async def test_a_request_that_is_not_understood_leaves_one_row(path: str, body: bytes) -> None:
    stage = Stage()
    answer = await call(stage.app(), "POST", path, body=body)
    (row,) = stage.rows.begun
    assert (row.endpoint, row.status, row.http_status) == (path, "error", answer.status)
    assert row.error_message == answer.error["message"]
