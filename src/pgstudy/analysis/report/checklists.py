"""Reproducibility checklists, answered from what is there, or left to a person.

The questions follow the NeurIPS paper checklist and the ACM's badges (version 1.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pgstudy.experiment.study.study import Study

PERSON = "needs a person"


@dataclass(frozen=True)
class Answer:
    """A question, its answer, and what speaks for it."""

    checklist: str
    question: str
    answer: str
    evidence: str


# Each a question, the answer, and its evidence, with places for what a study has.
NEURIPS = (
    (
        "Are the claims those that the results support?",
        "yes",
        "The claims table has an estimate, an interval and a verdict for each.",
    ),
    ("Are limitations discussed?", PERSON, "What the study can't say is yours."),
    ("Are theoretical results proved?", "not applicable", "There are none here."),
    (
        "Is all there to make the experiments again?",
        "yes",
        "Config and command are in this report; code, lock and runs in the capsule.",
    ),
    ("Are data and code open?", PERSON, "`snakemake capsule` packs them."),
    (
        "Are all settings given?",
        "yes",
        "The config below names each one; defaults are in config/README.md of the "
        "commit.",
    ),
    (
        "Is statistical significance reported?",
        "{several}",
        "{seeds} seeds per cell; 95 % intervals over seeds of measured "
        "coverage; Welch's and the exact rank test, Holm.",
    ),
    (
        "Are the compute resources given?",
        "yes",
        "{seconds:,.0f} s of training on one thread each; processor in the table "
        "of how the runs were made.",
    ),
    ("Does the work follow the code of ethics?", PERSON, ""),
    ("Are broader impacts discussed?", PERSON, ""),
    ("Are safeguards needed?", PERSON, "Policies of control benchmarks."),
    (
        "Are the licences of used assets respected?",
        PERSON,
        "The lock file names every package.",
    ),
    ("Are new assets documented?", PERSON, "README and docs of the code."),
    (
        "Human subjects, crowdsourcing, review boards?",
        "not applicable",
        "No data of people.",
    ),
)
ACM = (
    ("Artifacts available", PERSON, "Deposit the capsule in an archive."),
    (
        "Artifacts evaluated, functional",
        "{functional}",
        "{finished} of {total} runs finished from one command.",
    ),
    ("Artifacts evaluated, reusable", PERSON, ""),
    ("Results reproduced", PERSON, "{reproduced}"),
    ("Results replicated", PERSON, "Asks for another team with its own code."),
)
NOT_VERIFIED = (
    "`snakemake verify` has not been run on these runs; the badge asks for another "
    "team."
)


def answers(study: Study, runs: pd.DataFrame, verified: str | None) -> list[Answer]:
    """Every question of both lists; verified: what `snakemake verify` found."""
    finished, reproduced = int((runs["status"] == "finished").sum()), NOT_VERIFIED
    if verified:
        reproduced = f"By this team: {verified}. The badge asks for another team."
    facts = {
        "seeds": len(study.seeds),
        "several": "yes" if len(study.seeds) > 1 else "no",
        "seconds": runs["seconds"].sum(),
        "finished": finished,
        "total": len(runs),
        "functional": "yes" if finished == len(runs) else PERSON,
        "reproduced": reproduced,
    }
    return [
        Answer(name, question, answer.format(**facts), evidence.format(**facts))
        for name, rows in (("NeurIPS", NEURIPS), ("ACM", ACM))
        for question, answer, evidence in rows
    ]
