"""Any picture, from a file or an array, as shades of grey from 0, black, to 1, white."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quickstudy.datasets.download import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_ASPECT = 100
"""How many times as long as wide a picture may be: of a longer one nothing could be seen."""
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""How bright red, green and blue are to the eye."""
_OWN_PAPER, _TWO_TONES = 0.5, 0.2


def read_file(path: Path, *, colour: bool = False, paper: float | None = None) -> np.ndarray:
    """Return a picture's shades, (H, W) float32 from 0 to 1, or (H, W, 3) in colour. Of an animation, it reads the
    first frame.

    Args:
        path: The file.
        colour: Keep red, green and blue; else grey.
        paper: The shade behind transparent parts. None chooses one on which ink can be seen.

    Raises:
        DataError: the file cannot be read, or is of a kind whose white is unknown.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of a picture that would fill the memory; here it is refused.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return shades_of(image, colour=colour, paper=paper)
    # Damaged files make the decoders raise errors of many kinds.
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {error}. Replace or remove it.") from error


def shades_of(image: "Image", *, colour: bool = False, paper: float | None = None) -> np.ndarray:
    """Return the shades of an open picture, as `read_file` does.

    Args:
        image: The open picture.
        colour: Keep red, green and blue; else grey.
        paper: The shade behind transparent parts. None chooses one on which ink can be seen.

    Raises:
        ValueError: its white is unknown, or it is too long and thin.
    """
    from PIL import ImageOps

    _refuse_shape(image.height, image.width)
    deep = any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))  # Known only until it is decoded.
    is_png = image.format == "PNG"
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16") or (upright.mode == "I" and is_png):
        grey = shades_of_numbers(np.asarray(upright).astype(np.uint16))
        return np.repeat(grey[..., None], 3, axis=2) if colour else grey
    if upright.mode in ("I", "F"):
        # Their range is anybody's guess, and Pillow would clip it to 0..255.
        raise ValueError("it has 32 bits per pixel; save it with 8 or 16")
    if upright.has_transparency_data:
        rgba = _levels(upright.convert("RGBA"), deep=False)
        if paper is not None:
            laid = paper + (rgba[..., :3] - paper) * rgba[..., 3:]
            return np.asarray(laid if colour else laid @ GREY, dtype=np.float32)
        return _on_paper(rgba, _levels(upright.convert("RGBA").convert("RGB").convert("L"), deep=False), colour=colour)
    return _levels(upright.convert("RGB" if colour else "L"), deep=deep)


def shades_of_numbers(numbers: np.ndarray) -> np.ndarray:
    """Return an array's numbers as float32 from 0 to 1, by the range of their type.

    Bytes are divided by 255. Numbers of 16 bits are divided by 65535, or by 4095 where none is larger: they are of 12.
    Booleans and integers that are only 0 and 1 stay so; floats from 0 to 1 do too.

    Args:
        numbers: An array of any shape.

    Raises:
        ValueError: the type or the numbers do not say how bright white is, or a number is not finite.
    """
    kind = numbers.dtype.kind
    if kind not in "biuf":
        raise ValueError(f"it holds {numbers.dtype}, but booleans, integers or floats were expected")
    if numbers.size == 0:
        raise ValueError(f"it has shape {numbers.shape}, so there is nothing in it")
    least, most = numbers.min(), numbers.max()
    if kind == "f":
        if not np.isfinite(numbers).all():
            raise ValueError(f"{(~np.isfinite(numbers)).sum()} of its numbers are NaN or infinite")
        if least < -0.01 or most > 1.01:
            raise ValueError(
                f"its floats go from {least:g} to {most:g}, but 0 to 1 was expected; divide them by the value of white"
            )
        return np.clip(numbers, 0, 1).astype(np.float32)
    if least >= 0 and most <= 1:
        return numbers.astype(np.float32)
    white = {"uint8": 255, "uint16": 4095 if most <= 4095 else 65535}.get(numbers.dtype.name)
    if white is None:
        raise ValueError(
            f"it holds {numbers.dtype} from {least} to {most}, which does not say how bright white is; divide it by "
            "the value of white"
        )
    return numbers.astype(np.float32) / np.float32(white)


def read_any(image: Any) -> np.ndarray:
    """Return the shades (H, W) of a picture, as `read_file` does.

    Args:
        image: A path, a PIL image or an array (H, W) or (H, W, channels).

    Raises:
        DataError: what was given cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return read_file(Path(os.path.expanduser(image)))
    try:
        if hasattr(image, "convert"):
            return shades_of(image)
        return _shades_of_array(np.asarray(image))
    except ValueError as error:
        raise DataError(f"Cannot read the image that was given: {error}.") from error


def _shades_of_array(array: np.ndarray) -> np.ndarray:
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)  # Channels first, as torch has them.
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ValueError(f"it has shape {array.shape}, but (H, W), or (H, W, 1, 3 or 4 channels) was expected")
    shades = shades_of_numbers(array)
    _refuse_shape(*shades.shape[:2])
    if shades.ndim == 2 or shades.shape[2] == 1:
        return shades.reshape(shades.shape[:2])
    grey = shades[..., :3] @ GREY
    return _on_paper(shades, grey, colour=False) if shades.shape[2] == 4 else grey


def _levels(image: "Image", *, deep: bool) -> np.ndarray:
    levels = np.asarray(image).astype(np.float32)
    # Of 16 bits a channel Pillow keeps the upper 8, which of 12-bit numbers are 4.
    return levels / np.float32(15 if deep and 1 < levels.max() <= 15 else 255)


def _on_paper(rgba: np.ndarray, grey: np.ndarray, *, colour: bool) -> np.ndarray:
    """Lay a picture with transparent parts on paper on which it can be seen.

    Where it is a drawing, white or black, whichever is farther from its ink. Where it covers more than half and has
    several shades, it brought paper of its own, and that shade goes on.
    """
    over, alpha = (rgba[..., :3] if colour else grey[..., None]), rgba[..., 3:]
    shown = grey[alpha[..., 0] > 0.5]
    paper = np.float32(1)
    if shown.size and shown.size > _OWN_PAPER * grey.size and np.subtract(*np.percentile(shown, (95, 5))) > _TWO_TONES:
        paper = np.median(over[alpha[..., 0] > 0.5], axis=0)
    elif shown.size:
        paper = np.float32(shown.mean() < 0.5)
    laid = over * alpha + paper * (1 - alpha)
    return np.asarray(laid if colour else laid[..., 0], dtype=np.float32)


def _refuse_shape(height: int, width: int) -> None:
    if min(height, width) == 0 or max(height, width) > LARGEST_ASPECT * min(height, width):
        raise ValueError(
            f"it is {width}×{height} pixels, but one side may be at most {LARGEST_ASPECT} times the other; crop it"
        )
