"""What a study that was made in one call spent beside training.

`python -m benchmarks.overhead RESULTS CORES`: (wall x cores) / (seconds of training)
from the first start of a run to the last end of one. On machines whose cores are shared
with others, the seconds of a run are longer, and so are those of the whole.
"""

import json
import sys
from pathlib import Path


def main(results, cores):
    files = Path(results).rglob("runs/**/run.json")
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    first = min(run["started"] for run in runs)
    last = max(run["started"] + run["seconds"] for run in runs)
    trained = sum(run["seconds"] for run in runs)
    share = (last - first) * int(cores) / trained
    print(f"{len(runs)} runs, {trained:.0f} s of training in {last - first:.0f} s")
    print(f"(wall x cores) / training = {share:.2f}; goal 1.15")


if __name__ == "__main__":
    main(*sys.argv[1:])
