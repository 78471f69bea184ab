"""The model card of an exported policy: README.md, with a head that hubs read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import yaml

from pgstudy.analysis.common.numbers import bounded, number, steps
from pgstudy.analysis.notebook.policies import LoadedPolicy
from pgstudy.analysis.report.markdown import texts
from pgstudy.analysis.statistics import intervals
from pgstudy.analysis.statistics.intervals import Interval
from pgstudy.experiment.provenance.git import commit_text
from pgstudy.experiment.provenance.identity import utc
from pgstudy.learning.environments.registry import entry_module, registered
from pgstudy.learning.policies.own_network import BUILT_IN

REPLAY = "replay.gif"
OWN = "pgstudy.learning.environments.registry"  # registers what no user's module does
LIBRARY, TASK = "pgstudy", "reinforcement-learning"
TEMPLATES = texts("pgstudy.analysis.notebook")
TEMPLATES.filters |= {"number": number, "steps": steps, "repr": repr}


def text(
    policy: LoadedPolicy, config: Mapping[str, Any], shown: Mapping[str, Any]
) -> str:
    """The card.

    config: what config.json holds. shown: `episode_return` and `steps` of the recorded
    episode, or the `reason` why there is no recording.
    """
    run, returns = policy.record, policy.evaluation_returns
    own = policy.specification.policy.network or ""
    found = intervals.mean([returns])
    before = run.evaluation.get("untrained", [])
    front = yaml.safe_dump(_front(policy, found), sort_keys=False, allow_unicode=True)
    return TEMPLATES.get_template("card.md.j2").render(
        front=front,
        run=run,
        specification=policy.specification,
        config=config,
        modules=sorted({layer.partition("(")[0] for layer in config["network"]}),
        network=BUILT_IN.get(own, own),
        replay=REPLAY,
        shown=shown,
        reached=bounded(*found, number) if len(returns) else "",
        bounded=not math.isnan(found.low),
        count=len(returns),
        before=sum(before) / len(before) if before else None,
        environment=_named(policy),
        commit=commit_text(run.made_by.get("git", {})),
        ended=utc(run.ended),
    )


def _named(policy: LoadedPolicy) -> str:
    """The environment for `gymnasium.make`, with the module that registers it."""
    environment = policy.specification.environment
    entry = entry_module(registered(environment.id).entry_point)
    module = environment.module or (OWN if entry.startswith("pgstudy.") else "")
    return f"{module}:{environment.id}" if module else environment.id


def _front(policy: LoadedPolicy, found: Interval) -> dict[str, Any]:
    """The head; `model-index` has the evaluation, where there was one."""
    run, environment = policy.record, policy.specification.environment.id
    head = {
        "library_name": LIBRARY,
        "pipeline_tag": TASK,
        "tags": [environment, TASK, "policy-gradient", "reinforce", LIBRARY],
    }
    if math.isnan(found.estimate):
        return head
    result = {
        "task": {"type": TASK, "name": TASK},
        "dataset": {"type": environment, "name": environment},
        "metrics": _metrics(found, len(policy.evaluation_returns)),
    }
    name = f"{run.estimator}-{run.environment}-N{run.n}-seed{run.seed}"
    return {**head, "model-index": [{"name": name, "results": [result]}]}


def _metrics(found: Interval, count: int) -> list[dict[str, Any]]:
    """The mean return, and the ends of its interval where it has one."""
    rows = (
        ("mean_reward", f"mean return of {count} episodes", found.estimate),
        ("mean_reward_low", "lower end of its 95 % interval", found.low),
        ("mean_reward_high", "upper end of its 95 % interval", found.high),
    )
    return [
        {"type": kind, "name": name, "value": round(value, 6), "verified": False}
        for kind, name, value in rows
        if not math.isnan(value)
    ]
