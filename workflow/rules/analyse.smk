"""Manifests -> tables, gradients -> figures."""

from urllib.parse import unquote

from pgstudy.analysis.common.columns import AGGREGATES, TABLES
from pgstudy.experiment.study import study_file
from pgstudy.experiment.study.cell import folder_name

TUNED = [f"results/{TUNING.name}/tracked.json"] if TUNING else []
GRADIENTS = expand(
    f"results/{STUDY.name}/gradients/{{environment}}.csv",
    environment=map(folder_name, STUDY.environments if STUDY.gradients else []),
)


rule plan:
    input:
        published,
        chosen=chosen,
    output:
        "results/{study}/study.json",
    log:
        "results/logs/{study}/plan.log",
    params:
        config=lambda wildcards: canonical_json(STUDIES[wildcards.study].config),
        # with the keys of its runs: other code or versions, another plan
        planned=lambda wildcards: study_file.digest(STUDIES[wildcards.study]),
        chosen=lambda wildcards, input: (
            f"--chosen={input.chosen}" if input.chosen else []
        ),
    shell:
        "pgstudy --log {log:q} plan {params.config:q} {params.chosen:q}"


checkpoint choose:
    input:
        study="results/{study}-tuning/study.json",
        tables="results/{study}-tuning/tables/summary.csv",
    output:
        "results/{study}/chosen.json",
    log:
        "results/logs/{study}/choose.log",
    params:
        code=steps.digest("choose"),
    shell:
        "pgstudy --log {log:q} choose {input.study:q} {output:q}"


rule tables:
    input:
        study="results/{study}/study.json",
        manifests=manifests,
    output:
        report(
            expand(
                "results/{{study}}/tables/{table}.csv", table=[*TABLES, *AGGREGATES]
            ),
            "../report/tables.rst",
            "Tables",
        ),
    log:
        "results/logs/{study}/tables.log",
    params:
        code=steps.digest("tables"),
    shell:
        "pgstudy --log {log:q} tables {input.study:q}"


rule gradients:
    input:
        study="results/{study}/study.json",
        manifests=manifests,
    output:
        "results/{study}/gradients/{environment}.csv",
    log:
        "results/logs/{study}/gradients/{environment}.log",
    params:
        environment=lambda wildcards: unquote(wildcards.environment),
        code=steps.digest("gradients"),
    shell:
        "pgstudy --log {log:q} gradients {input.study:q} {params.environment:q}"


rule figures:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        gradients=GRADIENTS,
    output:
        report(
            expand(
                "results/{{study}}/figures/{figure}.svg", figure=figure_names(STUDY)
            ),
            "../report/figures.rst",
            "Figures",
        ),
        expand(
            "results/{{study}}/figures/{figure}.{ending}",
            figure=figure_names(STUDY),
            ending=["pdf", "png", "csv"],
        ),
    log:
        "results/logs/{study}/figures.log",
    params:
        code=steps.digest("figures"),
    shell:
        "pgstudy --log {log:q} figures {input.study:q}"
