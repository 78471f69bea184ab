"""Train runs again and make everything again, and compare the bits."""


rule verify:
    input:
        f"results/{STUDY.name}/report.html",
        ACCEPTANCE,
        expand(f"results/{STUDY.name}/paper/{{name}}", name=paper_names(STUDY)),
        study=f"results/{STUDY.name}/study.json",
    log:
        f"results/logs/{STUDY.name}/verify.log",
    localrule: True
    shell:
        "pgstudy --log {log:q} verify {input.study:q}"


rule capsule:
    input:
        f"results/{STUDY.name}/report.html",
        study=f"results/{STUDY.name}/study.json",
    output:
        f"results/{STUDY.name}/capsule.zip",
    log:
        f"results/logs/{STUDY.name}/capsule.log",
    localrule: True
    shell:
        "pgstudy --log {log:q} capsule pack {input.study:q}"
