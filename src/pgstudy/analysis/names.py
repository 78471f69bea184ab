"""What figures there are; imports no plotting, so that planning is cheap."""

from __future__ import annotations

import re

from pgstudy.experiment.study import Study, folder_name

FEW_RUNS = 5  # below this an interval says little, and none is drawn
NUMBERS, TABLE = "numbers.tex", "table.tex"
ENDINGS = ("pdf", "png")  # for a paper, and for the report


def figure_names(study: Study) -> list[str]:
    """Names without endings: figures per environment, then one of all."""
    kinds = ["learning_curves"]
    if study.sweeps_step_sizes:
        kinds.append("step_sizes")
    each = [f"{kind}-{folder_name(e)}" for kind in kinds for e in study.environments]
    return [*each, "final_return"]


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
