import inspect

import msgspec
import pytest

from velocity_local.core import errors


def _all_errors() -> list[type[errors.VelocityError]]:
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value)
        and issubclass(value, errors.VelocityError)
        and value is not errors.VelocityError
    ]


@pytest.mark.parametrize("cls", _all_errors(), ids=lambda cls: cls.__name__)
def test_every_error_crosses_the_process_wall_and_comes_back_as_itself(
    cls: type[errors.VelocityError],
) -> None:
    error = cls("what, which, what next", param="n", retry_after_s=1.5, details={"n_ctx": 8})
    info = msgspec.msgpack.decode(msgspec.msgpack.encode(error.info()), type=errors.ErrorInfo)
    back = errors.from_info(info)
    assert type(back) is cls
    assert back.info() == error.info()


@pytest.mark.parametrize("cls", _all_errors(), ids=lambda cls: cls.__name__)
def test_every_error_is_drawn_in_the_tree_with_its_status(cls: type[errors.VelocityError]) -> None:
    assert errors.__doc__ is not None
    (line,) = [line for line in errors.__doc__.splitlines() if f" {cls.__name__} " in line]
    drawn = [int(word) for word in line.split() if word.isdigit()]
    parent = cls.__bases__[0]
    assert issubclass(parent, errors.VelocityError)
    inherits = cls.status == parent.status
    assert drawn == [cls.status] if drawn else inherits


def test_codes_are_distinct() -> None:
    codes = [cls.code for cls in _all_errors()]
    assert len(set(codes)) == len(codes)


def test_an_unknown_code_becomes_an_internal_error() -> None:
    assert isinstance(errors.from_info(errors.ErrorInfo("never_heard", "x")), errors.InternalError)
