"""What does a policy-gradient estimate from N trajectories buy?

One config file is one study; results/<study>/report.html is what comes out.
"""

from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


# A config file describes a whole study: the default one is read only if no other is
# given, so that nothing of it slips into another study.
HERE = workflow.current_basedir.get_path_or_uri(secret_free=True)
DEFAULT = f"{HERE}/config/config.yaml"
if not workflow.overwrite_configfiles:

    configfile: DEFAULT


include: "workflow/rules/common.smk"
include: "workflow/rules/parts.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/track.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/verify.smk"


# Rules that say `localrule: True` are short: on a cluster they run where snakemake does.
rule all:
    input:
        manifests,
        tuning_manifests,
        TUNED,
        f"results/{STUDY.name}/tracked.json",
        f"results/{STUDY.name}/in-mlflow",
        f"results/{STUDY.name}/report.html",
        expand(f"results/{STUDY.name}/paper/{{name}}", name=paper_names(STUDY)),
        [f"results/{STUDY.name}/accepted"] if PUBLISHED else [],
    localrule: True
