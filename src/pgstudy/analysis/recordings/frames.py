"""Pictures of an episode: frames with captions, and a small animated WebP of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgstudy.learning.environments.faults import EnvironmentFault

SIDE = 300  # pixels, at most, of a picture's longer side
STRIP, TEXT = 22, 14  # pixels: the caption's height, its letters
FRAMES = 60  # of a recording, at most
SHORTEST, LONGEST, HOLD = 2000, 8000, 800  # ms; the last frame is held
LARGEST = 120_000  # bytes of a recording
# From the finest to the smallest: the share of SIDE, and the quality.
ATTEMPTS = ((1.0, 80), (1.0, 60), (1.0, 40), (1.0, 20), (0.7, 20), (0.5, 5), (0.3, 0))

PAPER, INK = "#ffffff", "#222222"

Picture = Image.Image


class TooLarge(RuntimeError):
    """Frames that no quality makes small enough."""


def rendered(environment: Any) -> Picture:
    """What `render` hands out, [height, width, 3]. Errors: EnvironmentFault."""
    pixels = environment.render()
    if np.ndim(pixels) != 3 or np.shape(pixels)[2] != 3 or not np.size(pixels):
        raise EnvironmentFault("the environment gave no picture of its pixels")
    return Image.fromarray(np.asarray(pixels, np.uint8))


def captioned(picture: Picture, step: int, total: float) -> Picture:
    """The picture, at most SIDE pixels wide and high, above its caption."""
    fitted = _fitted(picture)
    frame = Image.new("RGB", (max(fitted.width, SIDE // 2), fitted.height + STRIP), INK)
    frame.paste(fitted, ((frame.width - fitted.width) // 2, 0))
    number = f"{total:,.0f}" if float(total).is_integer() else f"{total:,.1f}"
    middle = frame.width / 2, fitted.height + STRIP / 2
    text = f"step {step:,}, return {number}"
    font = ImageFont.load_default(TEXT)
    ImageDraw.Draw(frame).text(middle, text, PAPER, font, "mm")
    return frame


def _fitted(picture: Picture) -> Picture:
    longest = max(picture.size)
    if longest <= SIDE:  # small ones grow by whole numbers, which keeps pixels square
        width, height = (side * (SIDE // longest) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.NEAREST)
    width, height = (max(1, round(side * SIDE / longest)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


class Reel:
    """Captioned pictures of one episode, from reset to end, thinned as they come.

    Twice FRAMES are kept at most: before there are more, every other one goes.
    """

    def __init__(self) -> None:
        self._stride = 1
        self._seen: dict[int, Picture] = {}  # by step

    def wants(self, step: int) -> bool:
        """Whether the picture after so many steps would be kept."""
        return step % self._stride == 0

    def add(self, picture: Picture, step: int, total: float) -> None:
        """Keep a picture, with the return so far; steps rise from 0."""
        if len(self._seen) == 2 * FRAMES:
            self._stride *= 2
            self._seen = {k: v for k, v in self._seen.items() if self.wants(k)}
        self._seen[step] = captioned(picture, step, total)

    def cut(self, pace: float) -> tuple[list[Picture], list[int]]:
        """At most FRAMES of the pictures, evenly, and how long each is shown (ms).

        `pace`: steps per second, if that keeps between SHORTEST and LONGEST.
        """
        steps = np.array(list(self._seen))
        picks = np.linspace(0, len(steps) - 1, min(FRAMES, len(steps)))
        chosen = steps[picks.round().astype(int)]
        natural = 1000 * chosen[-1] / pace
        length = np.clip(natural, SHORTEST - HOLD, LONGEST - HOLD)
        starts = (chosen * (length / chosen[-1])).round().astype(int)
        durations = [*np.diff(starts).tolist(), HOLD]
        return [self._seen[step] for step in chosen.tolist()], durations


def encoded(frames: Sequence[Picture], durations: Sequence[int]) -> bytes:
    """An animated WebP of at most LARGEST bytes, looping; durations in ms.

    Errors: TooLarge.
    """
    for share, quality in ATTEMPTS:
        content = _webp([_scaled(f, share) for f in frames], durations, quality)
        if len(content) <= LARGEST:
            return content
    raise TooLarge(f"the recording can't be made smaller than {len(content):,} bytes")


def _scaled(frame: Picture, share: float) -> Picture:
    if share == 1:
        return frame
    width, height = (round(side * share) for side in frame.size)
    return frame.resize((width, height), Image.Resampling.LANCZOS)


def _webp(frames: Sequence[Picture], durations: Sequence[int], quality: int) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=list(frames[1:]),
        duration=list(durations),
        loop=0,
        quality=quality,
        allow_mixed=True,  # flat pictures are smaller, and sharp, without loss
    )
    return buffer.getvalue()
