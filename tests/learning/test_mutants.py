"""Classical mistakes, put in on purpose: the tests of this folder must notice each.

Every mutant names the test that kills it; the test passes without it.
"""

import numpy as np
import pytest

from pgstudy.learning.estimators import baselines, gradients
from pgstudy.learning.estimators.weights import shares
from pgstudy.learning.policies import distributions as policies
from pgstudy.learning.rollouts import sampler as rollout
from tests.learning import test_estimators as on_estimators
from tests.learning import test_gradient as on_gradient
from tests.learning import test_groups as on_groups
from tests.learning import test_rollout as on_rollout
from tests.learning.test_estimators import FLAT


def mean_over_steps(patch):
    patch.setattr(gradients, "shares", lambda w, n: shares(w, len(w)))


def wrong_sign(patch):
    patch.setattr(gradients, "shares", lambda w, n: -shares(w, n))


def divided_by_n_minus_1(patch):
    patch.setattr(gradients, "shares", lambda w, n: shares(w, max(n - 1, 1)))


def no_sum_over_action_dimensions(patch):
    right = policies.DiagonalGaussian.score

    def first_only(self, outputs, actions, *more):
        slopes, entropy = right(self, outputs, actions, *more)
        slopes[:, 1:] = 0
        return slopes, entropy

    patch.setattr(policies.DiagonalGaussian, "score", first_only)


def clipped_action_scored(patch):
    right = policies.DiagonalGaussian.chosen

    def clipped(self, outputs, noise, arrays):
        return np.clip(right(self, outputs, noise, arrays), -1, 1)

    patch.setattr(policies.DiagonalGaussian, "chosen", clipped)


def dropped_last_reward(patch):
    right = rollout._Trace.batch

    def without_last(self, inputs):
        batch = right(self, inputs)
        batch.rewards[batch.mask.sum(0) - 1, np.arange(batch.mask.shape[1])] = 0
        return batch

    patch.setattr(rollout._Trace, "batch", without_last)


def gamma_power_too_high(patch):
    right = baselines.discounts
    patch.setattr(baselines, "discounts", lambda t, gamma: gamma * right(t, gamma))


def gamma_power_dropped(patch):
    right = baselines.discounts
    patch.setattr(baselines, "discounts", lambda t, gamma: right(t, 1.0))


def own_return_in_the_baseline(patch):
    patch.setattr(baselines, "leave_one_out", baselines.batch_mean)


def mean_within_the_episode(patch):
    def over_time(credit):
        return credit.mean(0, keepdims=True)

    patch.setattr(baselines, "leave_one_out", over_time)


def rewards_of_the_past_too(patch):
    patch.setattr(
        baselines,
        "reward_to_go",
        lambda rewards, gamma: np.broadcast_to(rewards.sum(0), rewards.shape),
    )


def present_batch_in_the_running_mean(patch):
    def with_it(self, credit, batch):
        return credit.mean(1, keepdims=True)

    patch.setattr(baselines.RunningMean, "__call__", with_it)


def the_batch_in_place_of_the_group(patch):
    patch.setattr(
        baselines, "by_group", lambda of, size, credit, mask: of(credit, mask)
    )


def entropy_downhill(patch):
    right = policies.Categorical.score
    patch.setattr(
        policies.Categorical,
        "score",
        lambda self, outputs, actions, part, bonus: right(
            self, outputs, actions, part, -bonus
        ),
    )


def last_step_of_the_cap_lost(patch):
    right = rollout.Sampler.__init__

    def shorter(self, environments, policy, generator, max_episode_steps):
        right(self, environments, policy, generator, max_episode_steps - 1)

    patch.setattr(rollout.Sampler, "__init__", shorter)


MUTANTS = {
    mean_over_steps: lambda: on_gradient.test_an_update_is_the_formula_as_written(
        on_gradient.CARTPOLE
    ),
    wrong_sign: on_gradient.test_a_good_actions_probability_rises,
    divided_by_n_minus_1: on_gradient.test_train_takes_exactly_that_step,
    no_sum_over_action_dimensions: lambda: (
        on_gradient.test_an_update_is_the_formula_as_written(on_gradient.PAIR)
    ),
    clipped_action_scored: on_rollout.test_actions_are_clipped_for_the_environment_only,
    dropped_last_reward: lambda: (
        on_rollout.test_cartpole_pays_one_per_step_and_nothing_is_lost(False)
    ),
    gamma_power_too_high: lambda: on_estimators.test_corridor(
        FLAT, {"credit": "to-go", "gamma": 0.9}, 0.0455625, None
    ),
    gamma_power_dropped: lambda: on_estimators.test_corridor(
        FLAT, {"credit": "to-go", "gamma": 0.9}, 0.0455625, None
    ),
    own_return_in_the_baseline: lambda: on_estimators.test_bandit(
        {"baseline": "leave-one-out"}, 3, 1 / 3, 5 / 27
    ),
    mean_within_the_episode: lambda: (
        on_estimators.test_baselines_from_the_others_are_unbiased_on_unequal_episodes(
            "to-go", "leave-one-out"
        )
    ),
    rewards_of_the_past_too: lambda: on_estimators.test_corridor(
        FLAT, {"credit": "to-go"}, 0.0625, 7.30859375
    ),
    present_batch_in_the_running_mean: lambda: on_estimators.test_bandit(
        {"baseline": "running-mean"}, 1, 1 / 3, 8 / 9
    ),
    the_batch_in_place_of_the_group: lambda: (
        on_groups.test_the_mean_of_a_group_leaves_that_share(2)
    ),
    entropy_downhill: lambda: on_gradient.test_the_entropy_bonus_raises_the_entropy(
        on_gradient.CARTPOLE
    ),
    last_step_of_the_cap_lost: lambda: (
        on_rollout.test_an_episode_is_cut_at_the_cap_with_its_last_reward(False)
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_every_classical_mistake_is_noticed(mutant, monkeypatch):
    """The named test passes as the code is, and fails with the mistake in it."""
    MUTANTS[mutant]()
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        MUTANTS[mutant]()
