import io

import pytest

from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output
from velocity_local.cli.watching import bar, watch
from velocity_local.client.errors import ApiError, ClientError, Unreachable


def _out() -> Output:
    return Output(io.StringIO(), io.StringIO())


def test_it_looks_until_there_is_an_end() -> None:
    looks = iter([None, None, "done"])
    assert watch(lambda: next(looks), _out(), "it", pause=lambda _: None) == "done"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("http://127.0.0.1:1", "refused"), Exit.UNREACHABLE),
        (ApiError(404, "gone", "no such"), Exit.FAILURE),
    ],
    ids=["gone", "forgotten"],
)
def test_a_daemon_that_goes_away_is_an_error_that_names_what_was_watched(
    error: ClientError, code: Exit
) -> None:
    def probe() -> None:
        raise error

    with pytest.raises(CliError, match="lost sight of the check") as caught:
        watch(probe, _out(), "the check")
    assert caught.value.code == code


def test_a_bar_fills_from_the_left() -> None:
    assert [bar(share).count("#") for share in (0, 0.5, 1)] == [0, 12, 24]
