"""What files and figures there are; imports no plotting, so that planning is cheap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pgstudy.experiment.study.cell import folder_name
from pgstudy.experiment.study.study import Study

ACCEPTANCE, CLAIMS, TRACKED = "acceptance.csv", "claims.csv", "tracked.json"
PROOFS = "proofs.csv"
VERIFICATION = "verification.json"
VERIFIED_RUNS = Path("tables") / "runs.csv"  # those that a verification speaks of
FEW_RUNS = 5  # below this an interval says little, and none is drawn
NUMBERS, TABLE = "numbers.tex", "table.tex"
FRACTIONS = ("start", "middle", "end")  # of a run's training
UNITS = {"env_steps": "environment steps", "episodes": "episodes", "updates": "updates"}
LARGEST_MATRIX = 36  # cells; of more of them the first ones are drawn
ENDINGS = ("pdf", "svg", "png")


@dataclass(frozen=True)
class FigureKey:
    """A figure of a study: its kind, and its environment if it shows only one."""

    kind: str
    environment: str = ""

    @property
    def name(self) -> str:
        """The name of its files, without ending, and of its place in the report."""
        place = f"-{folder_name(self.environment)}" if self.environment else ""
        return self.kind + place


def figure_keys(study: Study) -> list[FigureKey]:
    """Figures per environment, then those of all.

    Runs of a trade-off study end where they arrive, so their curves and last returns
    are no comparison.
    """
    if study.tradeoff:
        kinds = {"tradeoff": True, "tuning": bool(study.tune_seeds)}
        kinds["gradients"] = study.gradients is not None
        shown = [kind for kind, there in kinds.items() if there]
        laws = [FigureKey(kind, e) for e in study.environments for kind in shown]
        return [*laws, FigureKey("critical_n")]
    kinds = {
        "learning_curves": True,
        "learning_rates": study.sweeps_learning_rates,
        "tuning": bool(study.tune_seeds),
        "equal_updates": len(study.sample_counts) > 1,
        "gradients": study.gradients is not None,
        "variance_sources": bool((study.gradients or {}).get("sources")),
    }
    each = [kind for kind, there in kinds.items() if there]
    scored = any(cell.threshold is not None for cell in study.cells)
    general = ["final_return", "wall_clock", *["profiles"][:scored], "improvement"]
    return [
        *(FigureKey(kind, e) for e in study.environments for kind in each),
        *map(FigureKey, general),
    ]


def figure_names(study: Study) -> list[str]:
    """The names of all of them."""
    return [key.name for key in figure_keys(study)]


def paper_figure_names(study: Study) -> list[str]:
    """Published figures if the study names some; else its own, kind by kind, each for
    all environments.
    """
    published = [item.slug for item in study.published if item.figure is not None]
    if published:
        return published
    # LaTeX takes neither spaces nor the % of `folder_name`
    slugs = [re.sub(r"[^A-Za-z0-9.-]+", "-", name) for name in study.environments]
    places = [
        f"{slug}{f'-{i}' if slugs.count(slug) > 1 else ''}"
        for i, slug in enumerate(slugs)
    ]
    kinds = ("tradeoff",) if study.tradeoff else ("final_return", "learning_curves")
    return [f"{kind}-{place}" for kind in kinds for place in places]


def paper_names(study: Study) -> list[str]:
    """The files of the paper set."""
    figures = [f"{n}.{ending}" for n in paper_figure_names(study) for ending in ENDINGS]
    return [*figures, NUMBERS, TABLE]


def gradients_file(folder: Path, environment: str) -> Path:
    """Where the measurements of an environment's gradients are."""
    return folder / "gradients" / f"{folder_name(environment)}.csv"
