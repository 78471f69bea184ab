"""What figures there are; imports no plotting, so that planning is cheap."""

from __future__ import annotations

import re
from pathlib import Path

from pgstudy.experiment.study.cell import folder_name
from pgstudy.experiment.study.study import Study

ACCEPTANCE, CLAIMS, TRACKED = "acceptance.csv", "claims.csv", "tracked.json"
VERIFICATION = "verification.json"
VERIFIED_RUNS = Path("tables") / "runs.csv"  # those that a verification speaks of
FEW_RUNS = 5  # below this an interval says little, and none is drawn
NUMBERS, TABLE = "numbers.tex", "table.tex"
FRACTIONS = ("start", "middle", "end")  # of a run's training
LARGEST_MATRIX = 36  # cells; of more of them the first ones are drawn
ENDINGS = ("pdf", "svg", "png")


def figure_names(study: Study) -> list[str]:
    """Names without endings: figures per environment, then those of all."""
    kinds = ["learning_curves"]
    if study.sweeps_step_sizes:
        kinds.append("step_sizes")
    if study.tune_seeds:
        kinds.append("tuning")
    if len(study.sample_counts) > 1:
        kinds.append("equal_updates")
    if study.gradients is not None:
        kinds.append("gradients")
    each = [f"{kind}-{folder_name(e)}" for e in study.environments for kind in kinds]
    general = ["final_return", "wall_clock"]
    if any(cell.threshold is not None for cell in study.cells):
        general.append("profiles")
    return [*each, *general, "improvement"]


def paper_figure_names(study: Study) -> list[str]:
    """Published figures if the study names some, else its own, one per environment."""
    published = [item.slug for item in study.published if item.figure is not None]
    if published:
        return published
    # LaTeX takes neither spaces nor the % of `folder_name`
    slugs = [re.sub(r"[^A-Za-z0-9.-]+", "-", name) for name in study.environments]
    return [
        f"final_return-{slug}{f'-{i}' if slugs.count(slug) > 1 else ''}"
        for i, slug in enumerate(slugs)
    ]


def paper_names(study: Study) -> list[str]:
    """The files of the paper set."""
    figures = [f"{n}.{ending}" for n in paper_figure_names(study) for ending in ENDINGS]
    return [*figures, NUMBERS, TABLE]


def gradients_file(folder: Path, environment: str) -> Path:
    """Where the measurements of an environment's gradients are."""
    return folder / "gradients" / f"{folder_name(environment)}.csv"
