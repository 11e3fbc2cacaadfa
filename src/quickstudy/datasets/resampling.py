"""Other sizes of images: means of areas to make them smaller, cubic curves to make them larger."""

import numpy as np


def area_average(images: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 images (..., size, size) whose pixels are the means of the areas that they cover.

    Pixels on the edge of an area count by the part inside it. (Pillow's box filter counts them wholly
    or not at all, which makes the strokes uneven.)

    Args:
        images: uint8, of shape (..., height, width).
        size: pixels on a side.
    """
    height, width = images.shape[-2:]
    rows, columns = _area_weights(height, size, 0, height), _area_weights(width, size, 0, width)
    averaged = rows @ images.astype(np.float32) @ columns.T
    return np.rint(averaged).astype(np.uint8)


def resample(images: np.ndarray, size: int, top: float, left: float, side: float) -> np.ndarray:
    """Return what a square window shows of images, (..., size, size) float32; outside of an image it shows zeros.

    A window of more pixels than `size` is averaged by area, one of fewer is enlarged by cubic interpolation, which
    may overshoot.

    Args:
        images: of shape (..., height, width).
        size: pixels on a side of the result.
        top: first row of the window, which may be a fraction or outside of the image.
        left: first column of the window.
        side: rows and columns of the window.
    """
    weights = _area_weights if side >= size else _cubic_weights
    height, width = images.shape[-2:]
    rows, columns = weights(height, size, top, side), weights(width, size, left, side)
    return np.asarray(rows @ images.astype(np.float32) @ columns.T)


def _area_weights(length: int, size: int, start: float, span: float) -> np.ndarray:
    """Weights (size, length): what share of each new pixel's part of the span each old pixel fills."""
    edges = start + np.arange(size + 1)[:, None] * (span / size)
    starts = np.arange(length)
    shared = np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts)
    return (np.maximum(shared, 0) * (size / span)).astype(np.float32)


def _cubic_weights(length: int, size: int, start: float, span: float) -> np.ndarray:
    """Weights (size, length) of the old pixels at the middle of each new one: Keys' cubic convolution (1981)."""
    middles = start + (np.arange(size)[:, None] + 0.5) * (span / size)
    away = np.abs(middles - (np.arange(length) + 0.5))
    near = (1.5 * away - 2.5) * away**2 + 1
    far = ((2.5 - 0.5 * away) * away - 4) * away + 2
    return np.where(away < 1, near, np.where(away < 2, far, 0)).astype(np.float32)


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Return an image averaged by area so that no side is longer than this. A smaller image is returned unchanged.

    Args:
        image: An image (H, W).
        longest: Most pixels on a side.
    """
    height, width = image.shape
    factor = max(height, width) / longest
    if factor <= 1:
        return image
    rows, columns = max(1, round(height / factor)), max(1, round(width / factor))
    return np.asarray(_area_weights(height, rows, 0, height) @ image @ _area_weights(width, columns, 0, width).T)
