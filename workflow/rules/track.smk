"""Mirror the runs into MLflow: one uploader, after training."""

import os

TRACKED = Path(f"results/{STUDY.name}/tracked.json")
if "MLFLOW_TRACKING_URI" not in os.environ and not Path("results/mlflow.db").exists():
    TRACKED.unlink(missing_ok=True)  # the mirror is gone: make it again


rule track:
    input:
        study="results/{study}/study.json",
        manifests=MANIFESTS,
    output:
        "results/{study}/tracked.json",
    log:
        "results/logs/{study}/track.log",
    params:
        uri=os.environ.get("MLFLOW_TRACKING_URI", "results/mlflow.db"),
    shell:
        "pgstudy track {input.study:q} 2>&1 | tee {log:q}"
