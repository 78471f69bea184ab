"""Mirror the runs into MLflow: one uploader, after training."""

import os

TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI") or "results/mlflow.db"
if not os.environ.get("MLFLOW_TRACKING_URI") and not Path(TRACKING_URI).exists():
    for receipt in Path("results").glob("*/tracked.json"):
        receipt.unlink()  # the mirror is gone: make it again, for every study


rule track:
    input:
        study="results/{study}/study.json",
        manifests=MANIFESTS,
    output:
        "results/{study}/tracked.json",
    log:
        "results/logs/{study}/track.log",
    params:
        uri=TRACKING_URI,
        code=code_digest("experiment/tracking.py", "experiment/mlflow_entities.py"),
    shell:
        "pgstudy track {input.study:q} 2>&1 | tee {log:q}"
