"""MinAtar's environments (pip install minatar), whose seeds have 32 bits at most."""

import gymnasium
from minatar.gym import register_envs

register_envs()


class SmallSeeds(gymnasium.Wrapper):
    """Half of the bits of a seed will do."""

    def reset(self, *, seed=None, options=None):
        seed = None if seed is None else seed % 2**32
        return self.env.reset(seed=seed, options=options)
