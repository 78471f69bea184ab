"""Steps that are made in parts: which there are, and their files."""

from urllib.parse import unquote

from pgstudy.analysis.common.names import figure_keys, figure_names
from pgstudy.analysis.common.parts import measured_cell, measurements
from pgstudy.experiment.study.cell import folder_name


def named(wildcards, *names):
    """The labels behind these wildcards, which are the names of their folders."""
    return [unquote(wildcards[name]) for name in names]


def measured_manifests(wildcards):
    """Those of the runs whose policies are measured, which may do without the others."""
    study = STUDIES[wildcards.study]
    cell = measured_cell(study, *named(wildcards, "environment", "estimator"))
    place = f"results/manifests/{cell.folder}/"
    return [name for name in manifests(wildcards) if name.startswith(place)]


def measured(wildcards):
    """What the table of an environment's gradients is joined from."""
    (environment,) = named(wildcards, "environment")
    parts = measurements(STUDIES[wildcards.study], environment)
    return [f"results/{wildcards.study}/{part.file}" for part in parts]


def drawn(names, *endings):
    """The files of figures, for any study."""
    pattern = "results/{{study}}/figures/{figure}.{ending}"
    return expand(pattern, figure=names, ending=endings)


FIGURES = drawn(figure_names(STUDY), "svg", "pdf", "png", "csv")
# Those of all environments together, and those of each.
TOGETHER = [key.name for key in figure_keys(STUDY) if not key.environment]
EACH = dict.fromkeys(
    f"{key.kind}-{{environment}}" for key in figure_keys(STUDY) if key.environment
)
MEASURED = map(folder_name, STUDY.environments if STUDY.gradients else [])
GRADIENTS = [f"results/{STUDY.name}/gradients/{name}.csv" for name in MEASURED]
