"""Saved policies -> recordings of episodes."""

import os

os.environ["SDL_VIDEODRIVER"] = "dummy"  # read by pygame: a server has no screen
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
os.environ.setdefault("MUJOCO_GL", "egl")  # by MuJoCo: its own choice needs one
