"""Train runs again and make everything again, and compare the bits."""


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


rule capsule:
    input:
        f"results/{STUDY.name}/report.html",
        study=f"results/{STUDY.name}/study.json",
    output:
        f"results/{STUDY.name}/capsule.zip",
    log:
        f"results/logs/{STUDY.name}/capsule.log",
    shell:
        "pgstudy capsule pack {input.study:q} 2>&1 | tee {log:q}"
