"""A picture of the short corridor, which has no render of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from pgstudy.learning.environments.corridor import GOAL_STATE, SWITCHED_STATE

PAPER, GREY, ORANGE, AGENT = "#ffffff", "#767676", "#b35806", "#2166ac"
WALL, FLOOR, GOAL, SWITCHED = "#9a9a9a", "#f4f4f4", "#cdead3", "#fbe3c0"

Painter = Callable[[Any], Image.Image]  # of an unwrapped environment


def paint_corridor(environment: Any) -> Image.Image:
    """The short corridor: four boxes, the goal, the switched state, and the agent."""
    box, top, scale = 66, 30, 2  # drawn at twice the size, for smooth edges
    width, height = 4 * box + 36, box + 2 * top
    picture = Image.new("RGB", (scale * width, scale * height), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(scale * 13)
    for state in range(GOAL_STATE + 1):
        left = 18 + state * box
        corners = [scale * x for x in (left, top, left + box, top + box)]
        fill = {SWITCHED_STATE: SWITCHED, GOAL_STATE: GOAL}.get(state, FLOOR)
        draw.rectangle(corners, fill, WALL, scale * 2)
        label = {0: "start", SWITCHED_STATE: "switched", GOAL_STATE: "goal"}
        middle = scale * (left + box / 2), scale * (top + box + 14)
        draw.text(middle, label.get(state, ""), GREY, font, "mm")
        _arrows(draw, scale, left + box / 2, top - 14, state)
    centre = scale * (18 + environment.state * box + box / 2)
    draw.circle((centre, scale * (top + box / 2)), scale * 20, AGENT)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _arrows(
    draw: ImageDraw.ImageDraw, scale: int, x: float, y: float, state: int
) -> None:
    """Where left and right lead: L and R, each beside its arrow; not at the goal."""
    if state == GOAL_STATE:
        return
    letters = "RL" if state == SWITCHED_STATE else "LR"
    colour = ORANGE if state == SWITCHED_STATE else GREY
    font = ImageFont.load_default(scale * 13)
    for side, letter in zip((-1, 1), letters, strict=True):
        near, far = scale * (x + side * 15), scale * (x + side * 27)
        level = scale * y
        draw.text((scale * (x + side * 8), level), letter, colour, font, "mm")
        draw.line((near, level, far, level), colour, 2 * scale)
        barb = far - side * 5 * scale
        tip = [(far + side * scale, level), (barb, level - 4 * scale)]
        draw.polygon([*tip, (barb, level + 4 * scale)], colour)


# What has no render of its own, painted from the unwrapped environment.
PAINTERS: dict[str, Painter] = {"ShortCorridor-v0": paint_corridor}
