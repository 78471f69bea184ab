"""The report: one self-contained HTML file."""


rule report:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        figures=rules.figures.output,
        paper=rules.paper.output if PUBLISHED else [],
        acceptance=ACCEPTANCE,
    output:
        "results/{study}/report.html",
    log:
        "results/logs/{study}/report.log",
    params:
        code=code_digest(
            "analysis/report.py",
            "analysis/makings.py",
            "analysis/names.py",
            "analysis/numbers.py",
            "analysis/templates",
        ),
    shell:
        "pgstudy report {input.study:q} 2>&1 | tee {log:q}"


rule partial_report:
    input:
        study=f"results/{STUDY.name}/study.json",
    log:
        f"results/logs/{STUDY.name}/partial_report.log",
    shell:
        "pgstudy partial-report {input.study:q} 2>&1 | tee {log:q}"
