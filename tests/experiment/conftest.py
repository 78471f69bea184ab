"""Shared by these tests."""

import pytest

from tests.experiment.servers import postgresql, programs_of_postgresql


@pytest.fixture(scope="module")
def postgres():
    """The address of an empty PostgreSQL on loopback."""
    if programs_of_postgresql() is None:
        pytest.skip("postgresql is not installed")
    with postgresql() as address:
        yield address
