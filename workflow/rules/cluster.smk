"""Which blocks share a job on a cluster, and what is seen to before that."""

from pgstudy.experiment.cluster_jobs import cluster_jobs, write_jobs
from pgstudy.experiment.store import archive

CLUSTER_JOBS = {}  # by manifest
JOBS_BY_NAME = {}
AT_ONCE = workflow.resource_settings.nodes or 0  # `jobs` of the profile

# Where no disk is shared. Only what a job reads and writes elsewhere lies there:
# Snakemake would move all files there, and each step would fetch and send the store.
STORAGE = workflow.storage_settings.default_storage_provider
if STORAGE:
    workflow.modifier.path_modifier.apply_default_storage = lambda path: path


def stored(name):
    """A file that jobs share with this machine: in the storage, if there is one."""
    if not STORAGE:
        return name
    prefix = workflow.storage_settings.default_storage_prefix.rstrip("/")
    return storage(f"{prefix}/{name}")


def done(job):
    """What says that a job has trained its blocks; in the storage, with their runs."""
    ending = archive.ENDING if STORAGE else ".done"
    return stored(f"results/jobs/{job}{ending}")


def cluster_job(wildcards):
    """What says that a cluster's job has trained a block; nothing on this machine."""
    if not workflow.is_main_process or workflow.local_exec:
        return []
    if not found().missing.get(wildcards.block):
        return []
    if wildcards.block not in CLUSTER_JOBS:
        CLUSTER_JOBS.update(cluster_jobs(FOLDER, found(), AT_ONCE))
        JOBS_BY_NAME.update({job.name: job for job in CLUSTER_JOBS.values()})
        if makes_files():
            write_jobs(STORE, set(CLUSTER_JOBS.values()))
    job = CLUSTER_JOBS.get(wildcards.block)
    return done(job.name) if job else []


def minutes(wildcards):
    """How long a cluster's job may take; known where it is submitted."""
    job = JOBS_BY_NAME.get(wildcards.job)
    return job.minutes if job else 5


def cluster_trouble():
    """Why nothing should be submitted to SLURM now; empty for other executors."""
    settings = workflow.executor_settings
    if not hasattr(settings, "status_command"):
        return ""
    submitted = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    if not submitted:
        return ""
    asked = submitted[0].resources
    flags = {"slurm_partition": "--partition", "slurm_account": "--account"}
    options = [f"{flags[k]}={asked[k]}" for k in flags if asked.get(k)]
    return cluster.trouble(settings.status_command, STORE.results, options)
