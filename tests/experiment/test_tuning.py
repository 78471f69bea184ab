"""Learning rates chosen on seeds of their own, and the corridor's known answer."""

import copy
import json
import math

import pandas as pd
import pytest

from pgstudy.analysis.tables import build as tables
from pgstudy.analysis.tables.build import Tables
from pgstudy.analysis.tables.tuning import best_areas, chosen, learning_rate_slope
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.study.cell import rivals
from pgstudy.experiment.study.study_file import Plan, read_study, write_plan
from pgstudy.experiment.study.tuning import Choice, restricted, tuning_study
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.system.files import canonical_json
from pgstudy.experiment.training.block import train_block

NOTHING, NAN = pd.DataFrame(), math.nan
CORRIDOR = {
    "study": "known",
    "seeds": 3,
    "seeds_per_job": 8,
    "sample_counts": [1, 32, 128],
    "bins": 8,
    "tune": {"seeds": 8},
    "gradients": {},
    "defaults": {"evaluation_episodes": 0},
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "name": "corridor",
            "episodes": 1024,
            "max_episode_steps": 200,
            "policy": {"initial_probabilities": [0.95, 0.05]},
            "optimizer": {
                "learning_rate": {
                    n: [n * 2.0**-k for k in (14, 13, 12, 11)] for n in (1, 32, 128)
                }
            },
        }
    ],
    "estimators": [{"name": "total-return"}],
}


@pytest.fixture
def config():
    return copy.deepcopy(CORRIDOR)


def faults(config):
    with pytest.raises(ConfigError) as error:
        load_study(config)
    return str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tune": {"seeds": [7, 2, 1]}}, ["tune.seeds: 1 is a seed of the study"]),
        (
            {"tune": {"seeds": 2}, "seeds": [0, 10_001]},
            ["tune.seeds: 10001 is a seed of the study"],
        ),
        ({"tune": {"seeds": [5, 5]}}, ["tune.seeds: 5 is listed more than once"]),
        ({"tune": {"sede": 3}}, ["tune: unknown key 'sede'", "did you mean 'seeds'"]),
        ({"tune": {}}, ["tune: the key 'seeds' is missing"]),
        ({"tune": {"seeds": 0}}, ["tune.seeds: 0 is too small"]),
        ({"tune": {"seeds": []}}, ["tune.seeds: it is empty"]),
        ({"tune": {"seeds": 10_001}}, ["tune.seeds: 10001 is too large"]),
        ({"tune": {"seeds": [-1]}}, ["tune.seeds[0]: -1 is too small"]),
        ({"tune": 5}, ["tune: 5 is not a table"]),
        ({"study": "x" * 100}, ["study:", "-tuning"]),
    ],
)
def test_a_fault_of_tune_names_the_key(config, changes, words):
    """Before any run is trained, the tuning study's own faults too."""
    text = faults(config | changes)
    assert all(word in text for word in words), text


def test_there_must_be_something_to_choose(config):
    """One learning rate everywhere is a fault; several at a single N are not."""
    optimizer = config["environments"][0]["optimizer"]
    optimizer["learning_rate"] = {1: 0.1, 32: [0.2], 128: 0.3}
    text = faults(config)
    assert "tune: there is one learning rate everywhere" in text
    assert "optimizer.learning_rate" in text
    optimizer["learning_rate"][32] = [0.2, 0.4]
    assert len(load_study(config).cells) == 4


@pytest.mark.parametrize(
    ("place", "budget"),
    [("environments", {"updates": 6}), ("estimators", {"episodes": 512})],
)
def test_budgets_that_leave_runs_without_an_area_are_a_fault(config, place, budget):
    """Where curves go on after a run has ended, it has none to choose by."""
    if place == "environments":
        del config["environments"][0]["episodes"]
    else:
        config["estimators"].append({"name": "short", "gamma": 0.5})
    config[place][-1] |= budget
    text = faults(config)
    assert "tune: corridor: " in text
    assert "budget in env_steps or episodes" in text


def test_a_count_of_tuning_seeds_starts_at_10000(config):
    """A list is in rising order; without `tune` there are none."""
    assert load_study(config).tune_seeds == tuple(range(10_000, 10_008))
    assert load_study(config | {"tune": {"seeds": [9, 4]}}).tune_seeds == (4, 9)
    del config["tune"]
    assert load_study(config).tune_seeds == ()


def test_the_tuning_study_has_its_own_name_seeds_and_runs(config):
    """All learning rates; what it asks for is a config of its own."""
    study = load_study(config)
    tuning = tuning_study(study)
    assert tuning.name == "known-tuning"
    assert tuning.seeds == study.tune_seeds
    assert (tuning.cells, tuning.seeds_per_job) == (study.cells, 8)
    assert (tuning.gradients, tuning.published, tuning.tune_seeds) == (None, (), ())
    keys = [
        {cell.key(seed) for cell in s.cells for seed in s.seeds}
        for s in (study, tuning)
    ]
    assert len(keys[1]) == 12 * 8
    assert keys[0].isdisjoint(keys[1])
    again = load_study(json.loads(canonical_json(tuning.config)))
    assert (again.name, again.seeds) == (tuning.name, tuning.seeds)
    assert again.cells == tuning.cells
    assert again.gradients is None
    assert study.config == load_study(config).config, "the study's own is untouched"


def test_what_is_tuned_elsewhere_changes_no_run_of_the_study(config):
    """Keys of runs know nothing of `tune`."""
    with_it = load_study(config)
    del config["tune"]
    without = load_study(config)
    assert [c.key(0) for c in with_it.cells] == [c.key(0) for c in without.cells]
    assert without.sweeps_learning_rates
    assert not with_it.sweeps_learning_rates
    assert tuning_study(with_it).sweeps_learning_rates


def picks(study, which):
    """A choice: the learning rate with this index at each N."""
    return tuple(Choice.of(cells[which]) for cells in rivals(study.cells))


def test_restricted_keeps_one_learning_rate_per_place(config):
    study = load_study(config)
    kept = restricted(study, picks(study, 2))
    assert [(c.n, c.learning_rate) for c in kept.cells] == [
        (n, n * 2.0**-12) for n in (1, 32, 128)
    ]
    assert (kept.name, kept.seeds) == (study.name, study.seeds)
    assert kept.config == study.config
    assert len(list(kept.blocks())) == 3
    assert not kept.sweeps_learning_rates


def test_a_study_file_is_read_with_what_was_chosen(config, tmp_path):
    """Through JSON, to the last bit; without a choice all learning rates are there."""
    study = load_study(config)
    file = tmp_path / "study.json"
    write_plan(file, Plan(study))
    assert read_study(file) == study
    choice = picks(study, 1)
    write_plan(file, Plan(study, choice))
    assert read_study(file) == restricted(study, choice)


def summarised(study, rows):
    """Tables with a summary of (finished, area) for each cell in order."""
    table = [
        {
            "environment": c.environment,
            "estimator": c.estimator,
            "n": c.n,
            "learning_rate": c.learning_rate,
            "finished": finished,
            "area": area,
        }
        for c, (finished, area) in zip(study.cells, rows, strict=True)
    ]
    return Tables(*[NOTHING] * 4, pd.DataFrame(table))


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(8, -30), (8, -20), (8, -10), (8, -15)], 2),
        ([(8, -30), (8, -20), (7, -10), (8, -15)], 3),
        ([(8, -30), (7, -20), (7, -10), (7, -15)], 0),
        ([(1, -30), (0, NAN), (0, NAN), (0, NAN)], 0),
        ([(8, -30), (8, -10), (8, -10), (8, -15)], 1),
        ([(0, NAN), (0, NAN), (0, NAN), (0, NAN)], 0),
    ],
)
@pytest.mark.parametrize("rising", [True, False])
def test_the_highest_mean_area_is_chosen(config, rows, best, rising):
    """Fewer finished never wins; of equals the smaller, in whatever order listed."""
    order = slice(None, None, 1 if rising else -1)
    rates = config["environments"][0]["optimizer"]["learning_rate"]
    for n in rates:
        rates[n] = rates[n][order]
    tuning = tuning_study(load_study(config))
    found = chosen(tuning, summarised(tuning, rows[order] * 3))
    smallest = 2.0**-14 * 2**best
    assert found == tuple(
        Choice("corridor", "total-return", n, n * smallest) for n in (1, 32, 128)
    )


def test_each_n_has_its_own_choice(config):
    tuning = tuning_study(load_study(config))
    rows = [(8, -abs(i - best)) for best in (3, 0, 2) for i in range(4)]
    found = chosen(tuning, summarised(tuning, rows))
    assert [choice.learning_rate for choice in found] == [
        2.0**-11,
        32 * 2.0**-14,
        128 * 2.0**-12,
    ]
    assert best_areas(pd.DataFrame(columns=["learning_rate", "finished", "area"])).empty


# Half a step of the grid, in powers of 2, at N = 1, 4, 16, 64: what no seeds can tell.
GRID_ALONE = 0.5 * (3 + 1 + 1 + 3) / 20


def made_runs(best, failed=(), seeds=6, counts=(1, 4, 16, 64), noise=0.0):
    """Runs whose area falls with the distance of log2 of their learning rate to `best`.

    failed: (N, seed) of runs that did not finish, at their best learning rate.
    """
    rows = []
    for n in counts:
        for exponent in range(-14, 4):
            for seed in range(seeds):
                apart = abs(exponent - math.log2(best(n, seed)))
                did_fail = apart == 0 and (n, seed) in failed
                area = NAN if did_fail else -apart - noise * seed
                rows.append(
                    {"n": n, "seed": seed, "learning_rate": 2.0**exponent, "area": area}
                )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("power", [0, 0.5, 1])
def test_the_slope_of_a_power_law_of_learning_rates_is_its_power(power):
    """Seeds that agree leave the grid's half steps, and rows may come in any order."""
    runs = made_runs(lambda n, seed: 2**-8 * n**power, noise=0.3)
    expected = power, power - GRID_ALONE, power + GRID_ALONE
    assert learning_rate_slope(runs) == pytest.approx(expected)
    mixed = runs.sample(frac=1, random_state=0)
    assert learning_rate_slope(mixed) == learning_rate_slope(runs)


def test_seeds_that_disagree_widen_the_interval():
    """Half of them grow with N, the others with its root."""
    runs = made_runs(lambda n, seed: 2**-8 * n ** (1 if seed % 2 else 0.5))
    found = learning_rate_slope(runs)
    assert found.low == pytest.approx(0.5 - GRID_ALONE)
    assert found.high == pytest.approx(1 + GRID_ALONE)
    one = learning_rate_slope(runs[runs["seed"] == 1])
    assert one.estimate == pytest.approx(1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_a_run_that_did_not_finish_makes_its_learning_rate_no_choice():
    """Without 2^-2 at N = 64 its neighbour below is the best, with every draw."""
    runs = made_runs(lambda n, seed: 2**-8 * n, failed=[(64, 3)])
    found = learning_rate_slope(runs)
    logs = [0, 2, 4, 5]  # of the learning rate, against 0, 2, 4, 6 of N
    slope = sum((x - 3) * y for x, y in zip([0, 2, 4, 6], logs, strict=True)) / 20
    assert found == pytest.approx((slope, slope - GRID_ALONE, slope + GRID_ALONE))


def test_the_slope_is_that_of_the_learning_rates_that_are_chosen():
    """Also where at one N no learning rate has all its runs: most finished wins."""
    runs = made_runs(lambda n, seed: 2**-8 * n, counts=(1, 4))
    at = (runs["n"] == 4) & (runs["seed"] == 0)
    elsewhere = (runs["n"] == 4) & (runs["learning_rate"] != 2**-6)
    runs.loc[at | (elsewhere & (runs["seed"] == 1)), "area"] = NAN
    assert learning_rate_slope(runs).estimate == pytest.approx(1)


def test_without_a_finished_run_at_one_n_the_slope_is_not_known():
    runs = made_runs(lambda n, seed: 2**-8 * n)
    runs.loc[runs["n"] == 16, "area"] = NAN
    assert all(map(math.isnan, learning_rate_slope(runs)))


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The corridor's tuning, trained: (study, tables, choice as multiples of N)."""
    study = tuning_study(load_study(copy.deepcopy(CORRIDOR)))
    store = Store(tmp_path_factory.mktemp("known"))
    for block in study.blocks():
        assert train_block(store, block) == []
    made = tables.build(store, study)
    choice = chosen(study, made)
    return study, made, {c.n: c.learning_rate / c.n for c in choice}


def test_the_corridors_best_learning_rate_grows_with_n(known):
    """Within a factor 2 of 2^-12 N or 2^-11 N: faster than the root of N."""
    _, made, per_trajectory = known
    assert set(made.summary["finished"]) == {8}
    for rate in per_trajectory.values():
        assert 2**-13 <= rate <= 2**-10
    slope = learning_rate_slope(made.runs)
    assert 0.5 < slope.estimate <= 1.1
    assert slope.low > 0.5


def test_the_corridor_has_a_critical_n_between_32_and_128(known):
    """At equal episodes 32 cost next to nothing, and 128 a good deal."""
    _, made, per_trajectory = known
    area = made.summary.set_index(["n", "learning_rate"])["area"]
    best = {n: area[n, rate * n] for n, rate in per_trajectory.items()}
    assert -16.5 < best[1] < -13.5
    assert -16.5 < best[32] < -13.5
    assert -26 < best[128] < -18
    assert {n: area[n].max() for n in best} == best
