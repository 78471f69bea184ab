"""The study that the config describes, and what is already there of it."""

import json
from pathlib import Path

from filelock import FileLock, Timeout
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from pgstudy.analysis.names import figure_names, paper_names
from pgstudy.experiment.live import start_following
from pgstudy.experiment.loading import load_study
from pgstudy.experiment.config import ConfigError, canonical_json, repeated_keys
from pgstudy.experiment.published_files import find
from pgstudy.experiment.provenance import code_digest
from pgstudy.experiment.runs import Store
from pgstudy.experiment.staleness import reasons
from pgstudy.experiment.tuning import restricted, tuning_study

STORE = Store(Path("results"))

FILES = workflow.overwrite_configfiles or [f"{workflow.basedir}/config/config.yaml"]

try:
    repeated = [fault for file in FILES for fault in repeated_keys(Path(file))]
    STUDY = load_study(config, repeated)
except ConfigError as error:
    raise WorkflowError(str(error))

# Step sizes are chosen by a study of their own, if the config says `tune`.
TUNING = tuning_study(STUDY) if STUDY.tune_seeds else None
STUDIES = {study.name: study for study in (STUDY, TUNING) if study is not None}
BLOCKS = {b.manifest: b for study in STUDIES.values() for b in study.blocks()}

# Before the graph is built, each manifest is made true to the run store: a deleted or
# damaged run is trained again, and runs that are there already need no job.
try:
    SETTLED = {name: STORE.settle(block) for name, block in BLOCKS.items()}
except OSError as error:
    raise WorkflowError(f"results/ can't be written: {error}")
# Which runs a tuned study needs is known when its step sizes are chosen.
FIRST = [block.manifest for block in (TUNING or STUDY).blocks()]
MISSING = [run for name in FIRST for run in SETTLED[name]]
for line in reasons(MISSING):
    logger.info(line)


def manifests(wildcards):
    """The manifests of a study; of a tuned one, of the chosen step sizes alone."""
    study = STUDIES[wildcards.get("study", STUDY.name)]
    if study.tune_seeds:
        file = checkpoints.choose.get(study=study.name).output[0]
        study = restricted(study, json.loads(Path(file).read_text())["chosen"])
    return [f"results/manifests/{block.manifest}.json" for block in study.blocks()]


def chosen(wildcards):
    """What a tuned study's plan needs: its step sizes."""
    tuned = STUDIES[wildcards.study].tune_seeds
    return f"results/{wildcards.study}/chosen.json" if tuned else []


PUBLISHED = [str(find(published.name)) for published in STUDY.published]
ACCEPTANCE = [f"results/{STUDY.name}/acceptance.csv"] if PUBLISHED else []


# One call works at a time. The kernel lets go of the lock when the call ends, however it
# ends; Snakemake's own lock would outlive a kill.
CALL = FileLock("results/.call.lock")


onstart:
    try:
        CALL.acquire(blocking=False)
    except Timeout:
        raise WorkflowError(
            "another snakemake call works on results/; wait until it ends"
        )
    if MISSING:
        shell(f"pgstudy check-tracking {STUDY.name}")
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "train"]
    blocks = [BLOCKS[job.wildcards.block] for job in jobs]
    missing = {run.folder for runs in SETTLED.values() for run in runs}
    runs = [run for block in blocks for run in STORE.runs(block)]
    if to_train := [run for run in runs if run.folder in missing]:
        start_following(STORE, STUDY.name, to_train)


wildcard_constraints:
    study=r"[^/]+",
    environment=r"[^/]+",
