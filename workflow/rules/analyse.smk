"""Manifests -> tables -> figures."""

TABLES = ["runs", "curves", "summary"]


rule plan:
    input:
        PUBLISHED,
    output:
        "results/{study}/study.json",
    log:
        "results/logs/{study}/plan.log",
    params:
        config=canonical_json(STUDY.config),
    shell:
        "pgstudy plan {params.config:q} 2>&1 | tee {log:q}"


rule tables:
    input:
        study="results/{study}/study.json",
        manifests=MANIFESTS,
    output:
        expand("results/{{study}}/tables/{table}.csv", table=TABLES),
    log:
        "results/logs/{study}/tables.log",
    params:
        code=code_digest("analysis/tables.py", "analysis/statistics.py"),
    shell:
        "pgstudy tables {input.study:q} 2>&1 | tee {log:q}"


rule figures:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
    output:
        expand(
            "results/{{study}}/figures/{figure}.{ending}",
            figure=figure_names(STUDY),
            ending=["pdf", "png"],
        ),
    log:
        "results/logs/{study}/figures.log",
    params:
        code=code_digest(
            "analysis/figures.py", "analysis/style.py", "analysis/names.py"
        ),
    shell:
        "pgstudy figures {input.study:q} 2>&1 | tee {log:q}"
