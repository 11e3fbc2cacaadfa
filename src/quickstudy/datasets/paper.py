"""The paper of a photograph or a scan: how its light falls off, and how much it is grained."""

from typing import NamedTuple

import numpy as np

from quickstudy.datasets.resampling import shrink

LEAST_SIDE = 48  # A smaller picture is no photograph of paper.
_FITTED_SIDE = 64
_ROUNDS = 12
_EVEN = 0.01  # A border that differs less has one shade; this recognises most pictures without a fit.
_SHADING, _GRAIN = 0.04, 0.006
_MOSTLY_PAPER, _COARSEST = 0.6, 0.12  # Share of the picture, and grain: beyond these it is no paper.


class Paper(NamedTuple):
    """What the paper of a photograph looks like."""

    shades: np.ndarray
    """Shade of the paper at each pixel, (H, W), from 0 to 1."""
    grain: float
    """Standard deviation of the paper's pixels from these shades."""


def find_paper(grey: np.ndarray) -> Paper | None:
    """Return the paper of a photograph; None if the ground is even, as in a picture that a computer drew.

    The light is a quadratic surface. It is fitted to the pixels near it, which ink is not.

    Args:
        grey: Shades of grey (H, W) from 0 to 1.
    """
    if min(grey.shape) < LEAST_SIDE or np.subtract(*np.percentile(border_of(grey), (85, 15))) < _EVEN:
        return None
    small = shrink(grey, _FITTED_SIDE)
    terms = _terms(*small.shape)
    inside = np.ones(small.shape, dtype=bool)
    margin = max(1, min(small.shape) // 10)
    inside[margin:-margin, margin:-margin] = False  # At first the border, which the ink seldom reaches.
    coefficients, values = np.zeros(terms.shape[-1]), small.astype(np.float64)
    grain = 0.0
    for number in range(_ROUNDS):
        count = 3 if number < 2 else terms.shape[-1]  # A plane first: it does not swing beyond the border.
        fitted = np.linalg.lstsq(terms[inside][:, :count], values[inside], rcond=None)[0]
        coefficients = np.concatenate([fitted, np.zeros(terms.shape[-1] - count)])
        away = np.abs(values - terms @ coefficients)
        grain = 1.4826 * float(np.median(away[inside]))
        inside = away <= max(3 * grain, 0.02)
        if inside.mean() < 0.2:
            return None
    if inside.mean() < _MOSTLY_PAPER:
        return None
    shades = (_terms(*grey.shape) @ coefficients).astype(np.float32)
    grain = 1.4826 * float(np.median(np.abs(grey - shades)))
    if grain > _COARSEST or (np.ptp(shades) < _SHADING and grain < _GRAIN):
        return None
    return Paper(np.clip(shades, 0.02, 1), grain)


def border_of(image: np.ndarray) -> np.ndarray:
    """The outermost pixels of an image, each once.

    Args:
        image: An image (H, W).
    """
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])


def _terms(height: int, width: int) -> np.ndarray:
    """The six terms of a quadratic surface at each pixel, (H, W, 6)."""
    y, x = np.meshgrid(_middles(height), _middles(width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _middles(length: int) -> np.ndarray:
    return (np.arange(length) + 0.5) / length * 2 - 1
