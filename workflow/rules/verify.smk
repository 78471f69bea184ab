"""Make everything again from the same runs, and compare the bytes."""


rule verify:
    input:
        f"results/{STUDY.name}/report.html",
        ACCEPTANCE,
        expand(f"results/{STUDY.name}/paper/{{name}}", name=paper_names(STUDY)),
        study=f"results/{STUDY.name}/study.json",
    log:
        f"results/logs/{STUDY.name}/verify.log",
    shell:
        "pgstudy verify {input.study:q} 2>&1 | tee {log:q}"
