"""Mirror the runs into MLflow: one uploader, after training."""

import os

from pgstudy.experiment.system.addresses import without_credentials

TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI") or "results/mlflow.db"


rule track:
    input:
        study="results/{study}/study.json",
        manifests=manifests,
    output:
        "results/{study}/tracked.json",
    log:
        "results/logs/{study}/track.log",
    localrule: True
    params:
        uri=without_credentials(TRACKING_URI),
        code=steps.digest("track"),
    shell:
        "pgstudy --log {log:q} track --later {input.study:q}"


# The run of the study itself, which has the report among its files. It fails after the
# report, which does without links into MLflow then.
rule tracked:
    input:
        study="results/{study}/study.json",
        receipt="results/{study}/tracked.json",
        report="results/{study}/report.html",
    output:
        touch("results/{study}/in-mlflow"),
    log:
        "results/logs/{study}/tracked.log",
    localrule: True
    params:
        code=steps.digest("track"),
    shell:
        "pgstudy --log {log:q} tracked {input.study:q}"
