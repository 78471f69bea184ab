"""The mirror of the run store in MLflow."""

import os

# MLflow reads these as it is imported, which modules of this package alone do. Against
# a dead server, or a dead database, its defaults block for minutes.
BOUNDS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "PGCONNECT_TIMEOUT": "10",
    # else a server is asked for every run that ends, to print where it is
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
for _name, _value in BOUNDS.items():
    os.environ.setdefault(_name, _value)
