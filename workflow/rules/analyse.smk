"""Manifests -> tables, gradients -> figures."""

from pgstudy.analysis.common.columns import AGGREGATES, TABLES, TRADEOFFS
from pgstudy.experiment.study import study_file
from pgstudy.experiment.study.jobs import SHORTEST, seconds_of_a_measurement

TUNED = [f"results/{TUNING.name}/tracked.json"] if TUNING else []


rule plan:
    input:
        published,
        chosen=chosen,
    output:
        "results/{study}/study.json",
    log:
        "results/logs/{study}/plan.log",
    localrule: True
    params:
        config=lambda wildcards: canonical_json(STUDIES[wildcards.study].config),
        # with the keys of its runs: other code or versions, another plan
        planned=lambda wildcards: study_file.digest(STUDIES[wildcards.study]),
        chosen=lambda wildcards, input: (
            f"--chosen={input.chosen}" if input.chosen else []
        ),
    shell:
        "pgstudy --log {log:q} plan {params.config:q} {params.chosen:q}"


# A round of the search for the learning rates of a trade-off study.
checkpoint search:
    input:
        asked,
    output:
        "results/{study}-tuning/search/{number}.json",
    log:
        "results/logs/{study}/search/{number}.log",
    localrule: True
    params:
        config=lambda wildcards: canonical_json(TUNING.config),
        planned=lambda wildcards: study_file.digest(TUNING),
        code=steps.digest("choose"),
    shell:
        "pgstudy --log {log:q} search {params.config:q} {wildcards.number}"


checkpoint choose:
    input:
        study="results/{study}-tuning/study.json",
        tables="results/{study}-tuning/tables/summary.csv",
    output:
        "results/{study}/chosen.json",
    log:
        "results/logs/{study}/choose.log",
    localrule: True
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
    localrule: True
    params:
        code=steps.digest("tables"),
    shell:
        "pgstudy --log {log:q} tables {input.study:q}"


# Than what a cluster's job takes before it measures; or the runs are here alone.
SHORT = bool(STORAGE)
if STUDY.gradients and not STORAGE:
    env_steps = STUDY.gradients["env_steps"]
    SHORT = seconds_of_a_measurement(STUDY.sample_counts, env_steps) < SHORTEST


# The longest jobs after training, so they begin as soon as their policies are there.
rule measure:
    input:
        study="results/{study}/study.json",
        manifests=measured_manifests,
    output:
        "results/{study}/gradients/parts/{environment}/{estimator}/{at}.csv",
    log:
        "results/logs/{study}/measure/{environment}/{estimator}/{at}.log",
    wildcard_constraints:
        estimator=r"[^/]+",
        at=r"[a-z]+",
    priority: 1
    localrule: SHORT
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        policy=lambda wildcards: named(wildcards, "environment", "estimator", "at"),
        code=steps.digest("measure"),
    shell:
        "pgstudy --log {log:q} measure {input.study:q} {params.policy:q}"


rule gradients:
    input:
        study="results/{study}/study.json",
        measured=measured,
    output:
        "results/{study}/gradients/{environment}.csv",
    log:
        "results/logs/{study}/gradients/{environment}.log",
    localrule: True
    params:
        environment=lambda wildcards: named(wildcards, "environment"),
        code=steps.digest("gradients"),
    shell:
        "pgstudy --log {log:q} gradients {input.study:q} {params.environment:q}"


rule law:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        tuning=f"results/{TUNING.name}/tables/runs.csv" if TUNING else [],
        gradients=GRADIENTS,
    output:
        expand("results/{{study}}/law/{table}.csv", table=TRADEOFFS),
    log:
        "results/logs/{study}/law.log",
    localrule: True
    params:
        code=steps.digest("law"),
    shell:
        "pgstudy --log {log:q} law {input.study:q}"


LAW = expand(rules.law.output, study=STUDY.name) if STUDY.tradeoff else []


rule figures:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        law=LAW,
    output:
        report(drawn(TOGETHER, "svg"), "../report/figures.rst", "Figures"),
        drawn(TOGETHER, "pdf", "png", "csv"),
    log:
        "results/logs/{study}/figures.log",
    localrule: True
    params:
        code=steps.digest("figures"),
    shell:
        "pgstudy --log {log:q} figures {input.study:q} ''"


rule environment_figures:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        gradients="results/{study}/gradients/{environment}.csv" if GRADIENTS else [],
        law=LAW,
    output:
        report(drawn(EACH, "svg"), "../report/figures.rst", "Figures"),
        drawn(EACH, "pdf", "png", "csv"),
    log:
        "results/logs/{study}/figures/{environment}.log",
    localrule: True
    params:
        environment=lambda wildcards: named(wildcards, "environment"),
        code=steps.digest("figures"),
    shell:
        "pgstudy --log {log:q} figures {input.study:q} {params.environment:q}"
