"""The study that the config describes, and what is already there of it."""

from pathlib import Path

from filelock import FileLock, Timeout
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from pgstudy.analysis.names import figure_names, paper_names
from pgstudy.experiment.loading import load_study
from pgstudy.experiment.config import ConfigError, canonical_json, repeated_keys
from pgstudy.experiment.published_files import find
from pgstudy.experiment.provenance import code_digest
from pgstudy.experiment.runs import Store
from pgstudy.experiment.staleness import reasons

STORE = Store(Path("results"))

FILES = workflow.overwrite_configfiles or [f"{workflow.basedir}/config/config.yaml"]

try:
    repeated = [fault for file in FILES for fault in repeated_keys(Path(file))]
    STUDY = load_study(config, repeated)
except ConfigError as error:
    raise WorkflowError(str(error))

BLOCKS = {block.manifest: block for block in STUDY.blocks()}

# Before the graph is built, each manifest is made true to the run store: a deleted or
# damaged run is trained again, and runs that are there already need no job.
try:
    MISSING = [run for block in BLOCKS.values() for run in STORE.settle(block)]
except OSError as error:
    raise WorkflowError(f"results/ can't be written: {error}")
for line in reasons(MISSING):
    logger.info(line)

MANIFESTS = [f"results/manifests/{name}.json" for name in BLOCKS]
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


wildcard_constraints:
    study=r"[^/]+",
