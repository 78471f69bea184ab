"""The variance of one trajectory's gradient by source, against enumeration."""

import itertools

import numpy as np
import pandas as pd
import pytest

from pgstudy.analysis.common.columns import GRADIENTS, names
from pgstudy.analysis.common.parts import measurements
from pgstudy.analysis.figures import gradients as figures
from pgstudy.analysis.gradients.noise import measure
from pgstudy.analysis.gradients.samples import Effort, Probe
from pgstudy.analysis.gradients.sources import split
from pgstudy.analysis.statistics.sources import by_source, start
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.policies.making import saved
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
    PolicySpecification,
)
from tests.conftest import SMALL
from tests.learning import enumeration
from tests.learning.helpers import specification

PARTS = ("between_starts", "within_start", "of_steps", "of_pairs")
TOTAL = EstimatorSpecification()
CORRIDOR = EnvironmentSpecification("ShortCorridor-v0", {}, 4)
# Two start states, no slips, two steps: a goal is one step from one start, two from
# the other.
LAKE = EnvironmentSpecification(
    "FrozenLake-v1", {"desc": ["SFG", "HHS"], "is_slippery": False}, 2
)


def measured(environment, starts, **estimators):
    how = PolicySpecification()
    run = specification(environment=environment, policy=how)
    arrays = {k: v.numpy() for k, v in saved(Trainer(run, 0).policy).items()}
    probe = Probe(run, arrays, Effort(8, 10**9, starts), "a test")
    return split(probe, estimators or {"total": TOTAL})


def bounds(found, part):
    return found[f"{part}_low"], found[f"{part}_high"]


def exactly(starts):
    """The parts, from [(probability, [(probability, terms [T, P])])] of each start."""
    means, within, steps = [], 0.0, 0.0
    for chance, trajectories in starts:
        longest = max(len(terms) for _, terms in trajectories)
        padded = [
            (p, np.pad(terms, ((0, longest - len(terms)), (0, 0))))
            for p, terms in trajectories
        ]
        mean = sum(p * terms for p, terms in padded)
        whole = mean.sum(0)
        means.append((chance, whole))
        within += chance * sum(p * ((t.sum(0) - whole) ** 2).sum() for p, t in padded)
        steps += chance * sum(p * ((t - mean) ** 2).sum() for p, t in padded)
    overall = sum(chance * mean for chance, mean in means)
    between = sum(chance * ((mean - overall) ** 2).sum() for chance, mean in means)
    return dict(zip(PARTS, (between, within, steps, within - steps), strict=True))


def terms(states, actions, rewards, inputs, count):
    """grad log pi(a_t | s_t) sum_t r_t of a tabular softmax with equal chances."""
    found = np.zeros((len(actions), inputs, count))
    for t, (state, action) in enumerate(zip(states, actions, strict=True)):
        found[t, state] = (np.arange(count) == action) - 1 / count
    return found.reshape(len(actions), -1) * sum(rewards)


def lake_starts():
    """All pairs of actions from each start of LAKE: left, down, right, up."""
    moves = {0: (0, -1), 1: (1, 0), 2: (0, 1), 3: (-1, 0)}
    for origin in ((0, 0), (1, 2)):
        trajectories = []
        for pair in itertools.product(range(4), repeat=2):
            row, column = origin
            states, rewards, ended = [], [], False
            for action in pair:
                if ended:
                    break
                states.append(3 * row + column)
                row = min(max(row + moves[action][0], 0), 1)
                column = min(max(column + moves[action][1], 0), 2)
                tile = ("SFG", "HHS")[row][column]
                rewards.append(float(tile == "G"))
                ended = tile in "GH"
            each = terms(states, pair[: len(states)], rewards, 6, 4)
            trajectories.append((1 / 16, each))
        yield 0.5, trajectories


def corridor_starts():
    found = [
        (t.probability, terms([0] * len(t.actions), t.actions, t.rewards, 1, 2))
        for t in enumeration.corridor((0.0, 0.0), 4)
    ]
    return [(1.0, found)]


def test_the_corridor_has_one_start_and_so_no_part_of_it():
    """0 lies in the interval; the rest is what enumeration says."""
    found, known = measured(CORRIDOR, 3000)["total"], exactly(corridor_starts())
    assert known["between_starts"] == 0
    low, high = bounds(found, "between_starts")
    assert low < 0 < high < 0.05 * known["within_start"]
    for part in PARTS[1:]:
        low, high = bounds(found, part)
        assert low < known[part] < high
        assert high - low < 0.4 * known["within_start"]


def test_two_starts_have_the_enumerated_parts():
    """Within the intervals, and none of them holds 0."""
    found, known = measured(LAKE, 4000)["total"], exactly(list(lake_starts()))
    for part in PARTS:
        low, high = bounds(found, part)
        assert low < known[part] < high, part
        assert high - low < 0.5 * known["within_start"]
    assert bounds(found, "between_starts")[0] > 0


def test_the_parts_are_unbiased_with_few_starts():
    """The mean over 2,000 layouts of three starts and two trajectories each."""
    generator, known = np.random.default_rng(0), exactly(list(lake_starts()))
    each = [[t for _, t in trajectories] for _, trajectories in lake_starts()]
    found = []
    for _ in range(2000):
        drawn = generator.integers(2, size=3)
        layout = [[each[s][generator.integers(16)] for _ in range(2)] for s in drawn]
        found.append(by_source([start(group) for group in layout], 2))
    for part in PARTS:
        values = np.array([one[part] for one in found])
        error = values.std() / len(values) ** 0.5
        assert abs(values.mean() - known[part]) < 4 * error, part


def test_what_looks_at_other_trajectories_is_not_split():
    """And nothing is, where no starts are asked for."""
    others = EstimatorSpecification(baseline="leave-one-out")
    grouped = EstimatorSpecification(trajectories_per_start=2)
    found = measured(CORRIDOR, 8, total=TOTAL, others=others, grouped=grouped)
    assert set(found) == {"total", "grouped"}
    assert found["total"] == found["grouped"]
    assert measured(CORRIDOR, 0) == {}


def test_an_environment_that_can_not_begin_alike_can_not_be_split(smoke):
    """A fault that names the key."""
    smoke["gradients"] = {"sources": 8}
    assert load_study(smoke).gradients["sources"] == 8
    smoke["environments"][1]["vectorize"] = True
    with pytest.raises(ConfigError, match=r"CartPole-v1: .*gradients\.sources"):
        load_study(smoke)


def test_a_study_that_asks_for_it_has_a_row_for_each_estimator(tmp_path):
    """With N empty, and none of an estimator that looks at other trajectories."""
    asked = {"batches": 20, "env_steps": 4000, "sources": 8}
    others = {"name": "others", "preset": "rloo", "trajectories_per_start": 2}
    parts = {"estimators": [{"name": "total-return"}, others], "gradients": asked}
    study, store = load_study(SMALL | {"seeds": 1} | parts), Store(tmp_path)
    for block in study.blocks():
        train_block(store, block)
    table = pd.concat(measure(store, study, part) for part in measurements(study))
    rows = table[table["within_start"].notna()]
    assert list(rows["estimator"]) == ["total-return"] * 3
    assert rows["n"].isna().all()
    figure, shown = figures.sources(table, "ShortCorridor-v0")
    assert shown.equals(rows)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "total-return"
    ]


def test_the_bars_of_an_estimator_add_up_to_one():
    """Upwards from 0 what is above it, downwards what is below; none overlap."""
    row = dict.fromkeys(names(GRADIENTS), np.nan)
    row |= {"environment": "a", "at": "start", "estimator": "plain"}
    split_up = {"between_starts": -1.0, "of_steps": 14.0, "of_pairs": -3.0}
    row |= split_up | {"within_start": 11.0}
    figure, _ = figures.sources(pd.DataFrame([row]), "a")
    bars = [(bar.get_x(), bar.get_width()) for bar in figure.axes[0].patches]
    assert bars == [
        pytest.approx((0.0, -0.1)),
        pytest.approx((0.0, 1.4)),
        pytest.approx((-0.1, -0.3)),
    ]
