"""Claims, recordings, and the report: one self-contained HTML file, and Markdown."""


rule claims:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        gradients=GRADIENTS,
        law=LAW,
    output:
        report("results/{study}/claims.csv", "../report/claims.rst", "Claims"),
    log:
        "results/logs/{study}/claims.log",
    localrule: True
    params:
        code=steps.digest("claims"),
    shell:
        "pgstudy --log {log:q} claims {input.study:q}"


rule proofs:
    input:
        study="results/{study}/study.json",
    output:
        report("results/{study}/proofs.csv", "../report/proofs.rst", "Claims"),
    log:
        "results/logs/{study}/proofs.log",
    localrule: True
    params:
        code=steps.digest("proofs"),
    shell:
        "pgstudy --log {log:q} proofs {input.study:q}"


rule recordings:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
    output:
        "results/{study}/recordings/recordings.json",
    log:
        "results/logs/{study}/recordings.log",
    localrule: True
    params:
        code=steps.digest("recordings"),
    shell:
        "pgstudy --log {log:q} recordings {input.study:q}"


rule report:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        gradients=GRADIENTS,
        law=LAW,
        claims=rules.claims.output,
        proofs=rules.proofs.output,
        figures=FIGURES,
        recordings=rules.recordings.output,
        tracked="results/{study}/tracked.json",
        paper=rules.paper.output if PUBLISHED else [],
        acceptance=ACCEPTANCE,
    output:
        html=report("results/{study}/report.html", "../report/report.rst", "Report"),
        markdown="results/{study}/report.md",
    log:
        "results/logs/{study}/report.log",
    localrule: True
    params:
        code=steps.digest("report"),
    shell:
        "pgstudy --log {log:q} report {input.study:q}"


rule partial_report:
    input:
        study=f"results/{STUDY.name}/study.json",
    log:
        f"results/logs/{STUDY.name}/partial_report.log",
    localrule: True
    shell:
        "pgstudy --log {log:q} partial-report {input.study:q}"
