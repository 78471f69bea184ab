"""Train blocks of seeds; each run goes to the run store, the manifest names them.

On this machine a job trains a block. On a cluster, where a job takes ten seconds before
it trains, a job trains many, and `train` finds their runs complete.
"""


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
