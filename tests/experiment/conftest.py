"""Shared by these tests."""

import pytest
from mlflow import MlflowClient

from tests.experiment.servers import postgresql, programs_of_postgresql


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An empty store of MLflow's, to be copied: a new one takes seconds of migrations.

    Tests of a store's creation do without it.
    """
    file = tmp_path_factory.mktemp("migrated") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(scope="module")
def postgres():
    """The address of an empty PostgreSQL on loopback."""
    if programs_of_postgresql() is None:
        pytest.skip("postgresql is not installed")
    with postgresql() as address:
        yield address
