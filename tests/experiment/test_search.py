"""Trade-off studies: their config, and the search for each N's learning rate."""

import copy
import itertools
import math

import pytest

from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store import search
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.search import Round, look
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import rivals
from pgstudy.experiment.study.study_file import Plan, read_study, write_plan
from pgstudy.experiment.study.tradeoff import Loss, best, next_to_try
from pgstudy.experiment.study.tuning import Choice, tuning_study
from pgstudy.experiment.system.errors import ConfigError
from pgstudy.experiment.training.block import train_block

CONFIG = {
    "study": "law",
    "seeds": 2,
    "seeds_per_job": 2,
    "sample_counts": [2, 8],
    "tradeoff": {"episodes": 16, "grid": 5},
    "tune": {"seeds": 2},
    "defaults": {"evaluation_episodes": 4},
    "environments": [
        {
            "id": "ShortCorridor-v0",
            "name": "corridor",
            "threshold": -40,
            "max_episode_steps": 60,
            "cap": {"updates": 3, "trajectories": 9},
            "optimizer": {"learning_rate": 0.01},
        }
    ],
    "estimators": [{"name": "total-return"}],
}
GRID = [2.0**k for k in range(-12, 13)]


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


def searched(loss, grid=GRID):
    """All rounds of a search: the learning rates that were tried, in order."""
    losses, rounds = {}, []
    while wanted := next_to_try(grid, losses):
        rounds.append(wanted)
        losses |= {rate: Loss(loss(rate), 0.0) for rate in wanted}
    return losses, rounds


@pytest.mark.parametrize("place", [-12, -9, -5, -1, 0, 1, 2, 3, 7, 11, 12])
def test_the_search_finds_the_best_and_tries_both_its_neighbours(place):
    """Also where the first guess is 2^12 away; the ends have one neighbour each."""
    losses, _ = searched(lambda rate: 100 + (math.log2(rate) - place) ** 2)
    found = best(losses)
    assert found == 2.0**place
    near = {2.0 ** (place - 1), 2.0 ** (place + 1)} & set(GRID)
    assert near <= set(losses)


def test_it_tries_few_of_them():
    """Three where the first guess is right; the steps double where it is far off."""
    assert len(searched(lambda rate: math.log2(rate) ** 2)[0]) == 3
    losses, rounds = searched(lambda rate: (math.log2(rate) - 9) ** 2)
    assert len(losses) <= 10  # of 25
    assert rounds[0] == [0.5, 1.0, 2.0]


def test_of_learning_rates_none_of_which_arrives_the_higher_return_decides():
    losses = {0.1: Loss(50, 30.0), 0.2: Loss(50, 20.0), 0.4: Loss(50, 20.0)}
    assert best(losses) == 0.2  # of equals the smaller
    assert best(losses | {0.8: Loss(49, 99.0)}) == 0.8


def test_a_grid_is_as_long_as_the_config_says(config):
    study = tuning_study(load_study(config))
    rates = [cell.learning_rate for cell in rivals(study.cells)[0]]
    assert len(rates) == 11
    assert rates[5] == 0.01
    ratios = [b / a for a, b in itertools.pairwise(rates)]
    assert ratios == pytest.approx([math.sqrt(2)] * 10, rel=1e-3)


def test_runs_end_at_the_threshold_within_a_cap_that_has_the_form_of_the_law(config):
    cells = load_study(config).cells
    budgets = {c.n: c.specification.budget for c in cells}
    assert {n: b.amount for n, b in budgets.items()} == {2: 3 + 5, 8: 3 + 2}
    assert {b.unit for b in budgets.values()} == {"updates"}
    assert {c.specification.target.threshold for c in cells} == {-40.0}
    assert {c.specification.target.episodes for c in cells} == {16}


def test_an_environment_may_have_its_own_number_of_test_episodes(config):
    config["environments"][0]["test_episodes"] = 512
    cells = load_study(config).cells
    assert {c.specification.target.episodes for c in cells} == {512}


def test_without_tune_learning_rates_are_those_of_the_config(config):
    del config["tune"], config["tradeoff"]["grid"]
    study = load_study(config)
    assert {cell.learning_rate for cell in study.cells} == {0.01}
    assert not study.searches
    assert StudyFolder(Store("x"), study, "x").tuning is None


def faults(config):
    with pytest.raises(ConfigError) as error:
        load_study(config)
    return str(error.value)


def test_a_trade_off_study_needs_a_threshold(config):
    del config["environments"][0]["threshold"]
    assert "tradeoff: corridor: set threshold" in faults(config)


def test_and_a_cap_in_updates(config):
    del config["environments"][0]["cap"]
    config["environments"][0]["env_steps"] = 1000
    assert "tradeoff: corridor: give its runs a cap, or updates" in faults(config)


def test_and_one_learning_rate_at_each_n(config):
    config["environments"][0]["optimizer"]["learning_rate"] = [0.1, 0.2]
    assert "tradeoff: corridor, total-return, N = 2: give one" in faults(config)


def test_two_budgets_are_a_fault(config):
    config["environments"][0]["updates"] = 7
    assert "set exactly one budget" in faults(config)


def test_the_config_of_the_search_describes_it_again(config):
    """The workflow hands it to `pgstudy plan` and `pgstudy search`."""
    study = tuning_study(load_study(config))
    again = load_study(copy.deepcopy(dict(study.config)))
    assert again.cells == study.cells
    assert again.searches
    assert again.seeds == study.seeds


def test_a_study_file_keeps_it_all(config, tmp_path):
    study = load_study(config)
    write_plan(tmp_path / "study.json", Plan(study))
    assert read_study(tmp_path / "study.json") == study


def test_rounds_ask_for_runs_until_the_best_is_known(config, tmp_path):
    """With real runs: each round after those that it looks at are trained."""
    study = tuning_study(load_study(config))
    folder = StudyFolder(Store(tmp_path), study, tmp_path / study.name)
    first = look(folder, None)
    assert not first.done
    assert not first.best
    with pytest.raises(ValueError, match="is not complete"):
        look(folder, first)
    number = 0
    search.write_next(folder, 0)
    while not (found := search.last_round(folder)).done:
        for block in study.blocks():
            if Choice.of(block.cell) in found.tried:
                train_block(folder.store, block)
        number += 1
        search.write_next(folder, number)
    assert {choice.n for choice in found.best} == {2, 8}
    for choice in found.best:
        rates = sorted(c.learning_rate for c in study.cells if c.n == choice.n)
        at = rates.index(choice.learning_rate)
        tried = {c.learning_rate for c in found.tried if c.n == choice.n}
        assert set(rates[max(0, at - 1) : at + 2]) <= tried


def test_the_last_whole_round_counts(tmp_path, config):
    study = tuning_study(load_study(config))
    folder = StudyFolder(Store(tmp_path), study, tmp_path / study.name)
    assert search.last_round(folder) is None
    search.write_next(folder, 0)
    place = folder.path / "search"
    (place / "10.json").write_text('{"done": tr')
    assert isinstance(search.last_round(folder), Round)
