"""How fast Snakemake submits jobs to a SLURM that answers here.

`tests/workflow/slurm-here.sh start` makes one of two nodes on this machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

JOBS = 300
SNAKEFILE = """
rule all:
    input: expand("out/{{i}}", i=range({jobs}))
rule one:
    output: "out/{{i}}"
    shell: "touch {{output}}"
"""
OPTIONS = ["--default-resources", "mem_mb=100", "runtime=5"]


def submissions(folder):
    """Jobs a second, from the first to the last; None where no SLURM answers."""
    try:
        subprocess.run(["sinfo"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=JOBS))
    line = [sys.executable, "-m", "snakemake", "--executor", "slurm", *OPTIONS]
    line += ["--jobs", str(JOBS), "--slurm-status-command", "squeue"]
    process = subprocess.Popen(
        line,
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    times = []
    for said in process.stderr:
        if "has been submitted" in said:
            times.append(time.monotonic())
        if len(times) == JOBS:
            break
    process.send_signal(signal.SIGINT)  # it cancels its jobs
    process.communicate()
    return (len(times) - 1) / (times[-1] - times[0])
