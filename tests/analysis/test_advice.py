"""Which N and learning rate to use, by a pilot's law."""

import math

import pandas as pd
import pytest

from pgstudy.analysis.claims.answer import law_sentences
from pgstudy.analysis.common.columns import LAWS, POINTS, names
from pgstudy.analysis.common.tradeoffs import Tradeoffs
from pgstudy.analysis.documents.advice import advice_text
from pgstudy.analysis.law.advice import advise
from tests.conftest import ROOT

S_MIN, E_MIN = 30.0, 690.0  # critical N: 23
LARGEST = 0.012  # learning rate


def pilot(counts=(2, 32, 128), spread=1.2, predicted=None, rates=None, s_min=S_MIN):
    """A study whose runs lie on the law, with learning rates by the rule."""
    critical = E_MIN / S_MIN
    points = [
        {
            "environment": "here",
            "estimator": "leave-one-out",
            "n": n,
            "learning_rate": (rates or {}).get(n, LARGEST / (1 + critical / n)),
            "updates": s_min + E_MIN / n,
            "threshold": 195,
        }
        for n in counts
    ]
    law = {
        "environment": "here",
        "estimator": "leave-one-out",
        "s_min": s_min,
        "e_min": E_MIN,
        "critical_n": E_MIN / s_min,
        "fit_p": 0.5,
        "critical_n_low": critical / spread,
        "critical_n_high": critical * spread,
        "predicted_n": predicted if predicted is not None else math.nan,
    }
    law["predicted_n_low"] = law["predicted_n_high"] = law["predicted_n"]
    tables = (points, POINTS), ([law], LAWS)
    return Tradeoffs(*(pd.DataFrame(rows, columns=names(k)) for rows, k in tables))


def test_it_advises_the_power_of_two_nearest_to_the_critical_n():
    """With the price by the law, and a learning rate by McCandlish's equation 2.10."""
    (found,) = advise(pilot())
    assert found.fitted
    assert found.best.n == 32
    assert found.best.updates == pytest.approx(S_MIN + E_MIN / 32)
    assert found.best.trajectories == pytest.approx(32 * S_MIN + E_MIN)
    assert found.best.measured
    other = next(choice for choice in found.choices if choice.n == 64)
    assert not other.measured
    assert other.learning_rate == pytest.approx(LARGEST / (1 + 23 / 64))


def test_both_prices_are_twice_the_least_at_the_critical_n():
    """Which is why: with E_min / S_min a power of two it holds exactly."""
    (found,) = advise(pilot(s_min=E_MIN / 32))
    assert found.best.n == 32
    assert found.best.trajectories == pytest.approx(2 * E_MIN)
    assert found.best.updates == pytest.approx(2 * E_MIN / 32)


def test_where_the_runs_do_not_resolve_it_the_noise_decides():
    """The law is then the noise's, through the pilot's updates."""
    (found,) = advise(pilot(spread=9.0, predicted=64.0))
    assert not found.fitted
    assert found.best.n == 64
    measured = {n: S_MIN + E_MIN / n for n in (2, 32, 128)}
    least = [updates / (1 + 64 / n) for n, updates in measured.items()]
    mean = math.exp(sum(map(math.log, least)) / 3)
    assert found.best.updates == pytest.approx(2 * mean)
    text = advice_text(pilot(spread=9.0, predicted=64.0), [])
    assert "predicted by the gradient's noise" in text


def test_a_pilot_without_either_says_what_it_fitted():
    (found,) = advise(pilot(spread=9.0))
    assert found.fitted
    assert found.best.n == 32


def test_where_updates_do_not_stop_falling_no_n_is_advised_that_was_not_tried():
    """Nothing says what a larger one would cost; rates grow in proportion to N then."""
    rates = {2: 0.001, 32: 0.016, 128: 0.064}
    endless = pilot(rates=rates)
    law = {"s_min": 0.0, "critical_n": math.inf, "critical_n_high": math.inf}
    endless.laws[list(law)] = list(law.values())
    (found,) = advise(endless)
    assert found.best.n == 128
    other = next(choice for choice in found.choices if choice.n == 64)
    assert other.learning_rate == pytest.approx(0.032)
    assert "Its critical N is above 19, fitted" in advice_text(endless, [])


def test_the_price_of_the_pilot_is_said():
    runs = pd.DataFrame({"episodes": [100, 200, 1000]})
    text = advice_text(pilot(), [runs, runs])
    assert text.endswith("The pilot: 2,600 trajectories, 6 runs.")
    assert "use leave-one-out, N = 32 and learning rate 0.00698" in text


# Critical N by programs that share no code with this one, from 200 and more runs at
# each N.
MEASURED = {
    ("CartPole-v1", "leave-one-out"): 23,
    ("CartPole-v1", "total-return"): 96,
    ("corridor", "leave-one-out"): 46,
    ("corridor", "total-return"): 142,
}


def test_the_flagship_advises_an_n_within_a_factor_of_two_of_another_measurement():
    """The stored study; its fitted critical N on CartPole are within 15 %."""
    stored = Tradeoffs.read(ROOT / "docs" / "data" / "flagship")
    advised = {(one.environment, one.estimator): one for one in advise(stored)}
    assert set(advised) == set(MEASURED)
    for place, expected in MEASURED.items():
        assert 0.5 <= advised[place].best.n / expected <= 2, place
    laws = stored.laws.set_index(["environment", "estimator"])["critical_n"]
    for place in list(MEASURED)[:2]:
        assert laws[place] == pytest.approx(MEASURED[place], rel=0.15)


def test_a_law_whose_updates_do_not_stop_falling_has_no_number_of_the_search():
    """On FrozenLake the fit ends at the least S_min that it tries."""
    stored = Tradeoffs.read(ROOT / "docs" / "data" / "flagship-more")
    text = law_sentences("lake", stored)
    assert "the fewest updates are not resolved (S_min below 7.78 and 5.48 [" in text
    assert "0.00" not in text
    report = (ROOT / "docs/reports/flagship-more.html").read_text("utf-8")
    assert "<td>–</td><td>above 461.9</td>" in report
    assert "times (S_min" in law_sentences("pendulum", stored)
