"""Train blocks of seeds; each run goes to the run store, the manifest names them.

On this machine a job trains a block. On a cluster, where a job takes seconds before it
trains, a job trains many, and `train` finds their runs complete, or takes them from the
job's archive.
"""


rule train:
    input:
        cluster_job,
    output:
        "results/manifests/{block}.json",
    log:
        "results/logs/train/{block}.log",
    localrule: True
    threads: 1
    params:
        block=lambda wildcards: blocks()[wildcards.block].to_json(),
    shell:
        "pgstudy --log {log:q} train {params.block:q} {input:q}"


if STORAGE:

    # On this machine: what a job trains, to where it reads it.
    rule submit:
        output:
            stored("results/jobs/{job}.json"),
        log:
            "results/logs/jobs/{job}-submit.log",
        localrule: True
        shell:
            "cp results/jobs/{wildcards.job}.json {output:q} 2> {log:q}"


rule train_blocks:
    input:
        stored("results/jobs/{job}.json") if STORAGE else [],
    output:
        done("{job}") if STORAGE else temp(touch(done("{job}"))),
    log:
        stored("results/logs/jobs/{job}.log"),
    threads: 1
    resources:
        # for two Snakemakes and a training
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: minutes(wildcards) * attempt,
    params:
        files=lambda wildcards, input, output: (
            [*input, *output] if STORAGE else [f"results/jobs/{wildcards.job}.json"]
        ),
    shell:
        "pgstudy --log {log:q} train-blocks {params.files:q}"
