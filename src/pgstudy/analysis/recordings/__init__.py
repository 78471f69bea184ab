"""Saved policies -> recordings of episodes."""

import os

os.environ["SDL_VIDEODRIVER"] = "dummy"  # read by pygame: a server has no screen
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
