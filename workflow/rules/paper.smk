"""What is published held against our runs, and the paper set."""


rule compare:
    input:
        study="results/{study}/study.json",
        manifests=manifests,
    output:
        "results/{study}/acceptance.csv",
    log:
        "results/logs/{study}/compare.log",
    localrule: True
    params:
        code=steps.digest("comparison"),
    shell:
        "pgstudy --log {log:q} compare {input.study:q}"


# It fails after the report, which can so show what failed.
rule accept:
    input:
        study="results/{study}/study.json",
        acceptance=rules.compare.output,
        report="results/{study}/report.html",
    output:
        touch("results/{study}/accepted"),
    log:
        "results/logs/{study}/accept.log",
    localrule: True
    shell:
        "pgstudy --log {log:q} accept {input.study:q}"


rule paper:
    input:
        study="results/{study}/study.json",
        tables=rules.tables.output,
        acceptance=ACCEPTANCE,
        law=LAW,
    output:
        expand("results/{{study}}/paper/{name}", name=paper_names(STUDY)),
    log:
        "results/logs/{study}/paper.log",
    localrule: True
    params:
        code=steps.digest("paper"),
    shell:
        "pgstudy --log {log:q} paper {input.study:q}"
