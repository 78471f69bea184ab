"""Train blocks of seeds; each run goes to the run store, the manifest names them.

On this machine a job trains a block. On a cluster, where a job takes ten seconds before
it trains, a job trains many, and `train` finds their runs complete.
"""

import math

from pgstudy.experiment.cluster_jobs import cluster_jobs, write_jobs

CLUSTER_JOBS = {}  # by manifest


def cluster_job(wildcards):
    """What says that a cluster's job has trained a block; nothing on this machine."""
    if not workflow.is_main_process or workflow.local_exec:
        return []
    if wildcards.block not in CLUSTER_JOBS:
        CLUSTER_JOBS.update(cluster_jobs(FOLDER, found()))
        if makes_files():
            write_jobs(STORE, set(CLUSTER_JOBS.values()))
    job = CLUSTER_JOBS.get(wildcards.block)
    return f"results/jobs/{job.name}.done" if job else []


def minutes(wildcards):
    """How long a cluster's job may take; known where it is submitted."""
    jobs = {job.name: job for job in CLUSTER_JOBS.values()}
    job = jobs.get(wildcards.job)
    return 5 + math.ceil(3 * job.seconds / 60) if job else 5


rule train:
    input:
        cluster_job,
    output:
        "results/manifests/{block}.json",
    log:
        "results/logs/train/{block}.log",
    threads: 1
    params:
        block=lambda wildcards: BLOCKS[wildcards.block].to_json(),
    shell:
        "pgstudy --log {log:q} train {params.block:q}"


rule train_blocks:
    output:
        temp(touch("results/jobs/{job}.done")),
    log:
        "results/logs/jobs/{job}.log",
    threads: 1
    resources:
        # two Snakemakes of 200 MB and a training of 340 MB, see docs/clusters.md
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: minutes(wildcards) * attempt,
    params:
        blocks="results/jobs/{job}.json",
    shell:
        "pgstudy --log {log:q} train-blocks {params.blocks:q}"
