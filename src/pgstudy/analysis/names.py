"""Which figures a study has; apart from the drawing, so that planning is cheap."""

from __future__ import annotations

from pgstudy.experiment.study import Study, folder_name

FEW_RUNS = 5  # below this an interval says little, and none is drawn


def figure_names(study: Study) -> list[str]:
    """Names without endings: a learning-curve figure per environment, then one more."""
    curves = [f"learning_curves-{folder_name(e)}" for e in study.environments]
    return [*curves, "final_return"]
