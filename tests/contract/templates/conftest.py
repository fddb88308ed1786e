import pytest

from tests.contract.templates.reference import Reference


@pytest.fixture(scope="session")
def reference() -> Reference:
    return Reference()
