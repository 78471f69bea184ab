"""The study that the config describes, and what is already there of it."""

import functools
import itertools
from datetime import datetime
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from pgstudy.analysis import steps
from pgstudy.analysis.common.names import figure_names, paper_names
from pgstudy.experiment import cluster, planning
from pgstudy.experiment.progress import lost
from pgstudy.experiment.config import yaml_files
from pgstudy.experiment.system import places
from pgstudy.experiment.system.shared_disk import lock_of
from pgstudy.experiment.training.call import (
    check_tracking,
    let_sigterm_wait,
    start_following,
    start_forkserver,
)
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.config.published_files import find
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.search import read_round
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.jobs import described
from pgstudy.experiment.study.tuning import restricted
from pgstudy.learning import dispatch

# Snakemake has imported numpy before us; only jobs make numbers, in processes of their
# own.
dispatch.plan_for_jobs()

STORE = Store(Path("results"))

# Of another Snakefile, which hands over a config and reads its own files.
MODULE = not workflow.modifier.is_main_snakefile()
FILES = [] if MODULE else workflow.overwrite_configfiles or [DEFAULT]
PREFIXED = workflow.modifier.path_modifier.replace_prefix("results/")
if PREFIXED != "results/":
    raise WorkflowError("pgstudy writes below results/: its module can't have a prefix")

try:
    repeated = [fault for file in FILES for fault in yaml_files.read(Path(file))[1]]
    STUDY = load_study(config, repeated)
except ConfigError as error:
    raise WorkflowError(str(error))

FOLDER = StudyFolder(STORE, STUDY, STORE.results / STUDY.name)
# Learning rates are chosen by a study of their own, if the config says `tune`.
TUNING = FOLDER.tuning.study if FOLDER.tuning else None
STUDIES = {study.name: study for study in (STUDY, TUNING) if study is not None}

# One call works at a time. The kernel lets go of the lock when the call ends, however it
# ends; Snakemake's own lock would outlive a kill.
STARTED = datetime.now()
CALL = lock_of(STORE.results / places.CALL_LOCK)


def makes_files():
    """Whether this process is a call that makes files: no dry run, no job's process.

    Known once Snakemake builds the graph, not while it reads this file.
    """
    executes = workflow.executor_plugin is not None and not workflow.dryrun
    return executes and workflow.is_main_process


@functools.cache
def blocks():
    """Every block by its manifest; a cluster's job reads this file too and needs none."""
    return {b.manifest: b for study in STUDIES.values() for b in study.blocks()}


@functools.cache
def found():
    """What is there, looked at once, as the graph begins to be built.

    Only a call that makes files changes anything, and only under its lock. What is not
    what was written is made again as if by `--forcerun`, in a dry run too.
    """
    if not workflow.is_main_process:
        return planning.Found()
    if makes_files():
        state = planning.begin(CALL, FOLDER)
        if MODULE and state.trouble:  # whose onstart may not be called
            raise WorkflowError(state.trouble)
    else:
        state = planning.look(FOLDER)
    for line in state.lines:
        logger.info(line)
    workflow.dag.forcefiles.update(state.again)
    return state


def manifests(wildcards):
    """The manifests of a study; of a tuned one, of the chosen learning rates alone.

    A dry run does without those that the call itself would write as it begins.
    """
    found()
    study = STUDIES[wildcards.get("study", STUDY.name)]
    if study.tune_seeds:
        file = checkpoints.choose.get(study=study.name).output[0]
        study = restricted(study, planning.read_chosen(Path(file)))
    elif study.searches:
        study = restricted(study, read_round(Path(last_round())).tried)
    return manifests_of(study)


def manifests_of(study):
    """The manifests of all blocks of a study."""
    unwritten = found().unwritten
    names = [block.manifest for block in study.blocks()]
    return [
        as_it_is(name, f"results/manifests/{name}.json")
        for name in names
        if name not in unwritten
    ]


def as_it_is(name, file):
    """A manifest as an input: that of a complete block is a file and no job's output.

    Its time and name decide what is made again as they always do, and thousands of jobs
    that have nothing to do stay out of the graph. Reports, lists of files and all that
    is forced have the whole graph.
    """
    settings = workflow.dag_settings
    forced = settings.forceall or settings.forcerun
    if workflow.executor_plugin is None or forced or name not in found().settled:
        return file
    return before_update(file)


def tuning_manifests(wildcards):
    """Those of the study that chooses; what is missing there is trained again, too."""
    return manifests({"study": TUNING.name}) if TUNING else []


def last_round():
    """The round of the search for learning rates that has found them.

    Each is a checkpoint: its learning rates are trained, and then there is another.
    """
    for number in itertools.count():
        file = checkpoints.search.get(study=STUDY.name, number=number).output[0]
        if read_round(Path(file)).done:
            return file


def asked(wildcards):
    """What a round of the search looks at: the runs that the one before asked for."""
    found()
    if wildcards.number == "0":
        return []
    before = int(wildcards.number) - 1
    file = checkpoints.search.get(study=wildcards.study, number=before).output[0]
    return [file, *manifests_of(restricted(TUNING, read_round(Path(file)).tried))]


def chosen(wildcards):
    """What a tuned study's plan needs: its learning rates. That of a search, too."""
    found()
    study = STUDIES[wildcards.study]
    if study.tune_seeds:
        return f"results/{wildcards.study}/chosen.json"
    return last_round() if study.searches else []


PUBLISHED = [str(find(published.name)) for published in STUDY.published]


def published(wildcards):
    """The files of published values; a function's paths may have braces in them."""
    return PUBLISHED


ACCEPTANCE = [f"results/{STUDY.name}/acceptance.csv"] if PUBLISHED else []


onstart:
    if found().trouble:
        raise WorkflowError(found().trouble)
    if not workflow.local_exec:
        if wrong := cluster_trouble():
            raise WorkflowError(wrong)
        jobs = dict.fromkeys(CLUSTER_JOBS.values())
        logger.info(described([job.blocks for job in jobs]) if jobs else "")
    let_sigterm_wait()
    start_forkserver()
    jobs = [
        job for job in workflow.dag.needrun_jobs() if job.rule is rules.train.rule
    ]
    missing = {run.folder for runs in found().missing.values() for run in runs}
    runs = [
        run for job in jobs for run in STORE.runs(blocks()[job.wildcards.block])
    ]
    if to_train := [run for run in runs if run.folder in missing]:
        check_tracking(STUDY.name)
        start_following(FOLDER, to_train)


onerror:
    said = lost.settle(planning.both(FOLDER))
    if not workflow.local_exec:
        said += cluster.why_jobs_ended(STARTED, said)
    for line in said:
        logger.error(line)


wildcard_constraints:
    study=r"[^/]+",
    number=r"\d+",
    environment=r"[^/]+",
