"""What N buys in one estimate, held against enumeration and theory."""

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import torch

from pgstudy.analysis.common.parts import measured_at, measurements, part_name
from pgstudy.analysis.gradients import exact
from pgstudy.analysis.gradients.bias import across, along
from pgstudy.analysis.gradients.noise import measure, policies
from pgstudy.analysis.gradients.samples import AT_ONCE, Effort, Probe, split
from pgstudy.analysis.statistics.variances import Noise, Reference, ratio
from pgstudy.analysis.steps import make
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.digests import records
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.training.block import train_block
from pgstudy.learning.estimators.baselines import StepWeights
from pgstudy.learning.policies.making import saved
from pgstudy.learning.reinforce import Trainer
from pgstudy.learning.rollouts.sampling import same_starts
from pgstudy.learning.specification import (
    EnvironmentSpecification,
    EstimatorSpecification,
    PolicySpecification,
)
from pgstudy.learning.training import train
from tests.learning.helpers import specification

TOTAL = EstimatorSpecification()
CORRIDOR = EnvironmentSpecification("ShortCorridor-v0", {}, 200)
LAKE = EnvironmentSpecification("FrozenLake-v1", {}, 100)


def probe(environment, probabilities=None, batches=1000):
    """At the untrained policy of the environment."""
    how = PolicySpecification(initial_probabilities=probabilities)
    run = specification(environment=environment, policy=how)
    arrays = {k: v.numpy() for k, v in saved(Trainer(run, 0).policy).items()}
    effort = Effort(batches, 10**9)
    return Probe(run, arrays, effort, "a test")


def noises(made, n, **estimators):
    """The rows of several estimators on the same batches."""
    gradient = exact.policy_gradient(
        made.policy, made.layout, made._specification.environment
    )
    reference = Reference(gradient, "exact")
    samples = made.samples(n, estimators)
    return [
        Noise(samples.estimates[name], reference).row(n, samples.env_steps)
        for name in estimators
    ]


def noise(made, n):
    return noises(made, n, total=TOTAL)[0]


@pytest.mark.parametrize(
    ("right", "plain", "with_baseline"),
    [(0.05, 20, 6.1), (0.2, 38, 18), (0.5, 499, 214)],
)
def test_the_noise_scale_of_the_corridor_is_the_known_one(right, plain, with_baseline):
    """Without baseline, and with b = J (H = 200; known by enumeration).

    Heavy tails: 6,000 trajectories say as much in batches of 8 as one by one.
    """
    known, policy = exact.model("ShortCorridor-v0"), np.array([1 - right, right])
    steps, states, cut = np.tensordot(policy, known.transitions, (0, 1)), known.start, 0
    for _ in range(CORRIDOR.max_episode_steps):
        cut += states @ known.rewards @ policy
        states = states @ steps
    constant = EstimatorSpecification(baseline="constant", constant=float(cut))
    made = probe(CORRIDOR, (1 - right, right), batches=750)
    rows = noises(made, 8, total=TOTAL, constant=constant)
    found = [row["noise_scale"] for row in rows]
    assert found == pytest.approx([plain, with_baseline], rel=0.15)


@pytest.mark.parametrize(("n", "share"), [(1, 0.986), (16, 0.80), (64, 0.40)])
def test_the_share_of_batches_without_any_signal(n, share):
    """(1 - J)^N on FrozenLake from the uniform policy."""
    found = noise(probe(LAKE, batches=1500 if n < 64 else 600), n)
    assert found["zero_share"] == pytest.approx(share, abs=0.04)


def test_the_variance_is_that_of_one_trajectory_over_n():
    """Slope -1 on log-log axes, from as many trajectories for each N."""
    variances = [
        noise(probe(LAKE, batches=4800 // n), n)["variance"] for n in (4, 16, 64)
    ]
    slope = np.polyfit(np.log([4, 16, 64]), np.log(variances), 1)[0]
    assert slope == pytest.approx(-1, abs=0.13)


def corridor_law(right, cap=200):
    """Every (steps, steps to the right) of an episode, and its probability."""
    known, found = exact.model("ShortCorridor-v0"), []
    alive = np.zeros((len(known.start), cap + 1))
    alive[:, 0] = known.start
    for steps in range(1, cap + 1):
        left, also = known.transitions[:, 0], known.transitions[:, 1]
        after = (1 - right) * left.T @ alive
        after[:, 1:] += right * (also.T @ alive)[:, :-1]
        ended = (1 - right) * (1 - left.sum(1)) @ alive
        ended[1:] += right * ((1 - also.sum(1)) @ alive)[:-1]
        if steps == cap:
            ended = ended + after.sum(0)
        found += [(steps, k, p) for k, p in enumerate(ended) if p > 0]
        alive = after
    return np.array(found)


class Law:
    """Estimates of the corridor's gradient without its steps, and the exact moments."""

    def __init__(self, right):
        steps, rights, self.p = corridor_law(right).T
        self.scores, self.returns = rights - right * steps, -steps
        toward = np.array([-1.0, 1.0])
        self.gradient = self.p @ (self.scores * self.returns) * toward
        self.noise_scale = self.p @ (self.scores * self.returns) ** 2 * 2
        self.noise_scale /= self.gradient @ self.gradient
        self.noise_scale -= 1

    def estimates(self, rng, count, n, others=False):
        """[count, 2], without baseline or with that of the other trajectories."""
        picks = rng.choice(len(self.p), size=(count, n), p=self.p)
        returns = self.returns[picks]
        if others:
            returns = returns - (returns.sum(1, keepdims=True) - returns) / (n - 1)
        found = (self.scores[picks] * returns).mean(1)
        return found[:, None] * np.array([-1.0, 1.0])


@pytest.mark.parametrize(("right", "scale"), [(0.05, 20.1), (0.2, 39.3), (0.5, 490)])
@pytest.mark.parametrize("sampled", [False, True])
def test_intervals_of_the_noise_scale_hold_it(right, scale, sampled):
    """In 90 to 98 of 100, the reference resampled too; |g|^2 as if exact fails."""
    law, rng, held, naive, repetitions = Law(right), np.random.default_rng(1), 0, 0, 200
    assert law.noise_scale == pytest.approx(scale, rel=0.01)
    for _ in range(repetitions):
        reference = Reference(law.gradient, "exact")
        if sampled:
            few = law.estimates(rng, 400, 8, others=True)
            reference = Reference.sampled(few, "sampled")
        noise = Noise(law.estimates(rng, 1000, 4), reference)
        found = ratio(noise.variance, reference.square)
        held += 4 * found.low <= law.noise_scale <= 4 * found.high
        size = max(reference.square.estimate, 1e-9)
        low, high = noise.variance.low / size, noise.variance.high / size
        naive += 4 * low <= law.noise_scale <= 4 * high
    assert 0.90 <= held / repetitions <= 0.985
    assert (naive / repetitions < 0.85) == sampled


def test_a_ratio_has_no_upper_bound_where_grad_j_may_be_nothing():
    """Half of such references are below 0; then nothing is known."""
    rng, seen = np.random.default_rng(2), set()
    for _ in range(20):
        reference = Reference.sampled(rng.normal(size=(100, 2)), "noise")
        found = ratio(
            Noise(rng.normal(size=(100, 2)), reference).variance, reference.square
        )
        seen.add("nothing" if np.isnan(found.estimate) else found.high)
        assert np.isnan(along(rng.normal(size=(100, 2)), reference).low)
    assert seen == {"nothing", np.inf}


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize(("shift", "turn"), [(1.0, 0.0), (0.75, 0.0), (1.0, 0.4)])
def test_size_and_power_of_the_two_tests_of_bias(shift, turn, sampled):
    """On estimates of known mean and very unequal variances: 5 % wrong, else found."""
    rng, parameters, repetitions = np.random.default_rng(3), 40, 200
    scale = 3 * 0.8 ** np.arange(parameters)
    gradient = np.zeros(parameters)
    gradient[2], aside = 2.0, np.eye(parameters)[5]
    size, direction = [], []
    for _ in range(repetitions):
        reference = Reference(gradient, "exact")
        if sampled:
            rows = gradient + scale / 3 * rng.normal(size=(300, parameters))
            reference = Reference.sampled(rows, "sampled")
        noise = scale * (rng.exponential(size=(300, parameters)) - 1)
        estimates = shift * gradient + 2 * turn * aside + noise
        found = along(estimates, reference)
        size.append(not found.low <= 1 <= found.high)
        direction.append(across(estimates, reference).p() < 0.05)
    for rejected, biased in (size, shift != 1), (direction, turn != 0):
        share = np.mean(rejected)
        assert share > 0.8 if biased else share < 0.09


def test_the_batch_mean_of_four_is_found_out_on_cartpole():
    """.75 of grad J, against a sampled reference; leave-one-out has all of it."""
    where = EnvironmentSpecification("CartPole-v1", {}, 500)
    batch_mean, others = (
        EstimatorSpecification(baseline=b) for b in ("batch-mean", "leave-one-out")
    )
    made = probe(where, batches=400)
    reference = Reference.sampled(made.reference(), "sampled")
    samples = made.samples(4, {"mean": batch_mean, "others": others}).estimates
    biased, right = (along(samples[name], reference) for name in ("mean", "others"))
    assert biased.low < 0.75 < biased.high < 1
    assert right.low < 1 < right.high


@pytest.mark.parametrize("environment", [CORRIDOR, LAKE])
def test_the_exact_gradient_is_the_slope_of_the_exact_return(environment):
    """Against finite differences of the mean of many returns' exact value."""
    made = probe(environment)
    found = exact.policy_gradient(made.policy, made.layout, environment)
    parameters = made.policy.parameters.flat
    known = exact.model(environment.id)

    def value():
        shown = np.arange(len(known.start)) % made.layout.inputs
        outputs = made.policy.network.numpy_outputs(
            np.eye(made.layout.inputs, dtype=np.float32)[shown]
        ).astype(float)
        chances = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
        steps = np.einsum("sa,sat->st", chances, known.transitions)
        states, total = known.start, 0.0
        for _ in range(environment.max_episode_steps):
            total += states @ (chances * known.rewards).sum(1)
            states = states @ steps
        return total

    for index in range(0, len(parameters), max(1, len(parameters) // 8)):
        before = parameters[index]
        parameters[index] = before + 0.01
        above = value()
        parameters[index] = before - 0.01
        slope = (above - value()) / 0.02
        parameters[index] = before
        assert found[index] == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_a_batch_for_groups_begins_in_groups():
    """Batches of N = 4 that are cut from many lanes: two starts, each of a pair."""
    made = probe(EnvironmentSpecification("CartPole-v1", {}, 50), batches=40)
    make = same_starts(EstimatorSpecification(trajectories_per_start=2))
    first = np.array([batch.inputs[:4] for batch in made._batches(4, make)])
    assert (first[:, ::2] == first[:, 1::2]).all()
    assert len(np.unique(first.reshape(-1, 4), axis=0)) == 80


def test_every_batch_meets_the_baseline_that_the_run_had():
    """Not one that has seen the batches before, nor J."""
    how = EstimatorSpecification(baseline="running-mean")
    run = specification(environment=CORRIDOR, policy=PolicySpecification())
    arrays = {k: v.numpy() for k, v in saved(Trainer(run, 0).policy).items()}
    arrays |= {"baseline.sums": np.array([[-700.0]]), "baseline.count": np.array([7.0])}
    held = EstimatorSpecification(baseline="constant", constant=-100.0)
    made = Probe(run, arrays, Effort(50, 10**9), "a test")
    found = made.samples(2, {"own": how, "held": held}).estimates
    assert (found["own"] == found["held"]).all()


@pytest.mark.parametrize("option", [{"window": 2}, {"decay": 0.5}])
@pytest.mark.parametrize("milestone", ["start", "middle", "end"])
def test_a_baseline_that_forgets_is_that_of_the_milestone(option, milestone):
    """The mean of the batches that the run had seen by then, as it weighed them."""
    how = EstimatorSpecification(baseline="running-mean", **option)
    run = specification(
        environment=CORRIDOR, policy=PolicySpecification(), estimator=how
    )
    training = train(run, 0)
    policy = {k: v.numpy() for k, v in training.policy.items()}
    kept = {
        name.removeprefix(f"{milestone}/"): values
        for name, values in training.milestones.items()
        if name.startswith(f"{milestone}/")
    }
    seen = {"start": 0, "middle": 3, "end": 5}[milestone]
    returns = training.episodes["return"].reshape(-1, 4)[:seen]
    ages = np.arange(seen)[::-1]
    weights = ages < 2 if "window" in option else 0.5**ages
    b = float(weights @ returns.mean(1) / weights.sum()) if seen else 0.0
    held = EstimatorSpecification(baseline="constant", constant=b)
    made = Probe(run, policy | kept, Effort(50, 10**9), "a test")
    found = made.samples(2, {"own": how, "held": held}).estimates
    assert found["own"] == pytest.approx(found["held"], rel=1e-5, abs=1e-5)


def test_estimates_are_means_of_gradients_per_trajectory():
    """By torch.func on a plain function of the parameters, trajectory by trajectory."""
    made = probe(EnvironmentSpecification("CartPole-v1", {}, 50), batches=3)
    made.policy.parameters.flat[:] += 0.1
    (batch, *_) = made._batches(4)
    weights = StepWeights(TOTAL)(batch)
    found = made._gradient(TOTAL, StepWeights(TOTAL), batch)
    trajectory = np.nonzero(batch.mask)[1]
    shapes = {k: v.shape for k, v in made.policy.parameters.arrays.items()}

    def objective(flat, inputs, actions, weight):
        parts, start = {}, 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            parts[name] = flat[start : start + size].reshape(shape)
            start += size
        logits = inputs @ parts["layer0.weight"] + parts["layer0.bias"]
        chosen = torch.log_softmax(logits, 1).gather(1, actions[:, None])[:, 0]
        return (weight * chosen).sum()

    gradients = [
        torch.func.grad(objective)(
            torch.from_numpy(made.policy.parameters.flat.copy()),
            torch.from_numpy(batch.inputs[trajectory == i]),
            torch.from_numpy(batch.actions[trajectory == i]),
            torch.from_numpy(weights[trajectory == i].astype(np.float32)),
        ).numpy()
        for i in range(4)
    ]
    assert np.allclose(found, np.mean(gradients, axis=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n", [1, 3, 16])
def test_a_batch_is_split_into_its_trajectories(n):
    """Every step and reward in one part, in the order of a batch."""
    made = probe(EnvironmentSpecification("CartPole-v1", {}, 50))
    for batch, _ in zip(made._batches(n), range(2 * AT_ONCE // n), strict=False):
        assert len(batch.inputs) == batch.mask.sum() == batch.lengths.sum()
        assert batch.mask.shape == (batch.lengths.max(), n)
        assert (batch.returns == batch.lengths).all()  # CartPole pays 1 a step
    (whole,) = [b for b, _ in zip(made._batches(4), range(1), strict=False)]
    parts = list(split(whole, 1))
    rows = np.nonzero(whole.mask)[1]
    assert [len(p.inputs) for p in parts] == whole.lengths.tolist()
    assert (parts[2].inputs == whole.inputs[rows == 2]).all()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small study that is measured: (store, study)."""
    config = {
        "study": "measured",
        "seeds": 2,
        "sample_counts": [1, 4],
        "gradients": {"batches": 40, "env_steps": 4000},
        "environments": [
            {
                "id": "CartPole-v1",
                "env_steps": 1500,
                "optimizer": {"learning_rate": 1e-4},
            }
        ],
        "estimators": [
            {"name": "total-return"},
            {"name": "leave-one-out", "baseline": "leave-one-out"},
            {
                "name": "learned",
                "baseline": "learned",
                "sample_counts": [4],
                "value": {"learning_rate": 1e-3},
            },
            {"name": "rloo", "preset": "rloo", "starts": 2},
        ],
    }
    store, study = Store(tmp_path_factory.mktemp("measured")), load_study(config)
    for block in study.blocks():
        train_block(store, block)
    return store, study


def measured(store, study):
    """All parts of the table, one after the other."""
    return pd.concat(measure(store, study, part) for part in measurements(study))


def test_every_estimator_is_measured_at_every_n_where_it_exists(made):
    """Leave-one-out not at N = 1; a slope for each; the same numbers twice."""
    store, study = made
    table = measured(store, study)
    rows = table[table["n"].notna()]
    assert len(rows) == 3 * (2 + 1 + 2 + 1)
    assert not ((rows["estimator"] == "leave-one-out") & (rows["n"] == 1)).any()
    assert (rows["batches"] >= 8).all()
    assert table["slope"].notna().sum() == 6  # one N has none
    with threadpoolctl.threadpool_limits(2):
        assert measured(store, study).equals(table)


def test_the_table_has_its_parts_one_after_the_other(made, tmp_path):
    """To the byte; each part has a record of its own, which no label can disturb."""
    store, study = made
    folder = StudyFolder(store, study, tmp_path)
    make("measure", folder)
    make("gradients", folder)
    whole = measured(store, study).to_csv(index=False, lineterminator="\n")
    assert (tmp_path / "gradients/CartPole-v1.csv").read_text() == whole
    files = {str(part.file) for part in measurements(study)}
    found = records(tmp_path)
    assert {file for record in found.values() for file in record} == {
        *files,
        "gradients/CartPole-v1.csv",
    }
    assert len(found) == len(files) + 1 == 7
    one, two = ("a,b", "c-d", "end"), ("a", "b,c-d", "end")
    assert len({part_name("measure", one), part_name("measure", two)}) == 2


def test_an_estimator_that_remembers_is_measured_at_its_own_run(made):
    """The others at the first one's; variances are compared on the same batches."""
    store, study = made
    assert measured_at(study, "CartPole-v1") == {
        "total-return": ["total-return", "leave-one-out", "rloo"],
        "learned": ["learned"],
    }
    table = measured(store, study)
    for name, rows in table.groupby("estimator"):
        own = "learned" if name == "learned" else "total-return"
        assert rows["policy"].str.startswith(f"CartPole-v1 {own} N=4").all()
    compared = table[table["variance_ratio"].notna()]
    assert set(compared["estimator"]) == {"leave-one-out", "learned", "rloo"}
    start = policies(store.run(study.cells_of("CartPole-v1", "learned")[0], 0))
    assert all("baseline.layer0.weight" in arrays for arrays in start.values())


def test_the_policies_measured_are_those_of_the_run(made):
    """Start, middle and end, from files; the end is the policy of the run."""
    store, study = made
    run = store.run(study.cells[0], 0)
    found = policies(run)
    assert list(found) == ["start", "middle", "end"]
    starts = {
        k: v.numpy()
        for k, v in saved(Trainer(run.cell.specification, 0).policy).items()
    }
    assert all((found["start"][k] == starts[k]).all() for k in starts)
    assert not (found["end"]["layer0.weight"] == starts["layer0.weight"]).all()


def test_an_environment_without_a_finished_run_is_not_measured(made, tmp_path):
    """An empty table, with its columns."""
    _, study = made
    table = measured(Store(tmp_path), study)
    assert table.empty
    assert "slope" in table
