"""Train blocks of seeds; each run goes to the run store, the manifest names them."""


rule train:
    output:
        "results/manifests/{block}.json",
    log:
        "results/logs/train/{block}.log",
    threads: 1
    params:
        block=lambda wildcards: BLOCKS[wildcards.block].to_json(),
    shell:
        "pgstudy --log {log:q} train {params.block:q}"
