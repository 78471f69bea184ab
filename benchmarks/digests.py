"""Are the runs of two results folders the same, bit for bit?

`python -m benchmarks.digests OLD NEW [RECORD.csv]`: runs are paired by specification
and seed, whatever their keys. So it can show that a change of the learning code changed
no number.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path

from pgstudy.experiment.system.files import canonical_json

Digests = dict[tuple[str, str, int, str], tuple[str, str]]


def digests(results: Path) -> Digests:
    """Status, and one SHA-256 over those of a run's files, of all runs of a folder.

    By environment, estimator, seed and the SHA-256 of the specification.
    """
    found: Digests = {}
    for file in sorted(results.rglob("runs/**/run.json")):
        run = json.loads(file.read_text(encoding="utf-8"))
        specification = _sha256(run["specification"])
        name = (run["environment"], run["estimator"], run["seed"], specification)
        found[name] = (run["status"], _sha256(run["files"]))
    return found


def _sha256(data: object) -> str:
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def compare(old: Digests, new: Digests) -> str:
    """A line that says how many runs both folders have, and how many are the same."""
    both = old.keys() & new.keys()
    same = sum(old[name] == new[name] for name in both)
    total = _sha256([[*name, *new[name]] for name in sorted(both)])[:16]
    return f"{same} of {len(both)} runs are the same; all of them: {total}"


def main() -> None:
    """Print the comparison; write both digests of each run to a file if asked to."""
    old, new = (digests(Path(place)) for place in sys.argv[1:3])
    print(compare(old, new))
    if len(sys.argv) > 3:
        with Path(sys.argv[3]).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["environment", "estimator", "seed", "before", "after"])
            for name in sorted(old.keys() & new.keys()):
                rows.writerow([*name[:3], old[name][1][:16], new[name][1][:16]])


if __name__ == "__main__":
    main()
