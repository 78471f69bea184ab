"""A study's experiment in MLflow, and what is said where it can't be used."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.tuning import ENDING
from pgstudy.experiment.system import places
from pgstudy.experiment.system.addresses import without_credentials
from pgstudy.experiment.tracking import mirror
from pgstudy.experiment.tracking.entities import NOTE

# What a store says that can't be used now; ValueError is of an address that is none.
UNUSABLE = (MlflowException, SQLAlchemyError, OSError, ValueError)
# What a server with accounts says, by the status of its answer
REFUSALS = {
    401: "does not know this user and password; set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD to those of your account there",
    403: "does not let you change this experiment, which somebody else made; give the "
    "study another name, or ask who runs the server for the permission MANAGE",
}

LEVEL = "`pgstudy.level`"
VIEW = "pgstudy"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
SHOWN = [f"metrics.`{m}`" for m in ("mean_return", "trajectories", "env_steps")]
NAME, NAME_WIDTH = "attributes.`Run Name`", 420  # else the names of groups are cut


class TrackingError(RuntimeError):
    """MLflow can't take the runs now; the message says why and what to do."""


def trouble(results: Path, name: str) -> str | None:
    """Why a study's runs could not be uploaded now; None if nothing is known.

    For a word before training, which goes on whatever the answer.
    """
    if not store_is_there(results):
        return None
    try:
        _require_active(MlflowClient(mirror.tracking_uri(results)), results, name)
    except TrackingError as error:
        return str(error)
    except UNUSABLE as error:
        return unusable(results, error)
    return None


def store_is_there(results: Path) -> bool:
    """Whether there is a store to look into, as far as is known without looking."""
    store = mirror.own_store(results)
    return store is None or store.exists()


def unusable(results: Path, error: Exception) -> str:
    """The message of a store that can't be used, without its password."""
    why = REFUSALS.get(_status(error), f"can't be used: {error}")
    return without_credentials(f"MLflow at {mirror.tracking_uri(results)} {why}")


def _status(error: Exception) -> int:
    """Of a server's answer; 0 if there was none."""
    if isinstance(error, MlflowException):
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        return status
    return getattr(getattr(error, "response", None), "status_code", 0)


def _require_active(client: MlflowClient, results: Path, name: str) -> Any:
    """The experiment of this name, if there is one. Errors: TrackingError."""
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment '{name}' was deleted; give the study another name, "
            f"or restore it:\n  {_restoring(results, found.experiment_id)}"
        )
    return found


def _restoring(results: Path, experiment_id: str) -> str:
    """The command line; MLflow reads its variable itself, if it is set."""
    command = f"{shlex.quote(sys.executable)} -m mlflow experiments restore"
    if mirror.own_store(results) is not None:
        address = shlex.quote(mirror.tracking_uri(results))
        command = f"MLFLOW_TRACKING_URI={address} {command}"
    return f"{command} -x {experiment_id}"


def experiment(client: MlflowClient, results: Path, name: str) -> str:
    """The id of the experiment of this name, made if need be. Errors: TrackingError."""
    found = _require_active(client, results, name)
    if found is not None:
        return str(found.experiment_id)
    local = mirror.tracking_uri(results).startswith("sqlite:")
    place = (results.resolve() / places.ARTIFACTS).as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except (MlflowException, SQLAlchemyError):
        # another client made it meanwhile
        found = _require_active(client, results, name)
        if found is None:
            raise
        return str(found.experiment_id)


def describe(client: MlflowClient, experiment_id: str, study: Study) -> None:
    """Give an experiment its description and its view, where they are others.

    A description that somebody else wrote is left alone.
    """
    tags = client.get_experiment(experiment_id).tags
    said, wanted = tags.get(NOTE, ""), {VIEW_TAG: json.dumps(view(study))}
    if not said or said.startswith(_opening(study)):
        wanted[NOTE] = note(study)
    for key, value in wanted.items():
        if tags.get(key) != value:
            _set_tag(client, experiment_id, key, value)


def _set_tag(client: MlflowClient, experiment_id: str, key: str, value: str) -> None:
    """Of two clients that make one tag at once, a store refuses the second."""
    try:
        client.set_experiment_tag(experiment_id, key, value)
    except (MlflowException, SQLAlchemyError):
        if key not in client.get_experiment(experiment_id).tags:
            raise
        client.set_experiment_tag(experiment_id, key, value)


def view(study: Study) -> dict[str, Any]:
    """The runs of today's study by N and estimator; charts are over trajectories.

    MLflow's UI keeps what its `Share` makes so, in a tag of the experiment. Runs of
    several environments are not averaged. What differs most comes first.
    """
    keys = ["n", "estimator", *["environment"][: len(study.environments) - 1]]
    return {
        "searchFilter": "tags.current = 'true'",
        "selectedColumns": SHOWN,
        "columnOrder": [NAME, *SHOWN],
        "columnWidths": {NAME: NAME_WIDTH},
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": key} for key in keys],
        },
        "globalLineChartConfig": {
            "xAxisKey": "metric",
            "selectedXAxisMetricKey": "trajectories",
            "lineSmoothness": 0,
        },
    }


def _opening(study: Study) -> str:
    return f"Study `{study.name}` of pgstudy: "


def note(study: Study) -> str:
    """A study's description: what it asks, of what, and how it is made again."""
    asked = "what does a policy-gradient estimate from N trajectories buy?"
    if study.tradeoff:
        asked = (
            "how many updates and trajectories does it take to reach a threshold, by N?"
        )
    listed = {
        "N": study.sample_counts,
        "estimators": study.estimators,
        "environments": study.environments,
        "seeds": study.seeds,
    }
    lines = [f"- {key}: {', '.join(map(str, v))}" for key, v in listed.items()]
    return f"{_opening(study)}{asked}\n\n" + "\n".join(lines) + f"\n\n{_again(study)}\n"


def _again(study: Study) -> str:
    if study.name.endswith(ENDING):
        whose = study.name.removesuffix(ENDING)
        return f"It chooses the learning rates of the study `{whose}`, and comes of it."
    return (
        "Make it again: `snakemake --cores all --configfile study.yaml`, where "
        "study.yaml is the file of this name among the artifacts of the study's run "
        f"(`tags.{LEVEL} = 'study'`)."
    )
