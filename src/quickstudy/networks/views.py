"""An encoder that embeds an image several times, each time shifted by one pixel, and averages the embeddings."""

from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

NumViews = Literal[1, 5]
"""The image alone, or the image and its shifts by one pixel up, down, left and right."""

_SHAPES = ("image_shape", "map_shape", "num_features")
"""Attributes of an encoder that those who build on it read."""

_SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
"""(down, right) in pixels, for each view."""


class Views(nn.Module):
    """In eval mode, the mean of the encoder's embeddings over one-pixel shifts of the image; in training, the encoder.

    Pixels that come in from outside are zero. The wrapper has no parameters, and its weights have the names of the
    encoder's, so that they load with it or without it. An encoder whose weights are frozen has a number of views of its
    own in training.
    """

    image_shape: tuple[int, ...]
    map_shape: tuple[int, int, int]
    num_features: int

    def __init__(self, encoder: nn.Module, views: NumViews = 5, frozen_views: NumViews = 1) -> None:
        """Wrap an encoder.

        Args:
            encoder: Maps images (..., H, W) to features (..., D).
            views: How many shifts to average over; with one view this is the encoder itself.
            frozen_views: The same in training, while none of the encoder's weights is trained.

        Raises:
            ValueError: if there is no such number of views.
        """
        super().__init__()
        for name, value in (("views", views), ("frozen_views", frozen_views)):
            if value not in get_args(NumViews):
                raise ValueError(f"{name} is {value!r}, but one of {get_args(NumViews)} was expected.")
        self.encoder = encoder
        self.views = views
        self.frozen_views = frozen_views
        for name in _SHAPES:
            if hasattr(encoder, name):
                setattr(self, name, getattr(encoder, name))
        self.register_state_dict_post_hook(_leave_out_wrapper)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_put_in_wrapper)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor) -> Tensor:
        """Features (..., D) of images.

        Args:
            images: Images (..., H, W).
        """
        views = self._views_in_training() if self.training else self.views
        features: Tensor = self.encoder(images)
        shifted = [self.encoder(shift_images(images, *shift)) for shift in _SHIFTS[1:views]]
        return sum(shifted, features) / views

    def _views_in_training(self) -> int:
        is_trained = any(weight.requires_grad for weight in self.encoder.parameters())
        return 1 if is_trained else self.frozen_views


def shift_images(images: Tensor, down: int, right: int) -> Tensor:
    """Images (..., H, W) moved by whole pixels; what comes in from outside is zero.

    Args:
        images: The images.
        down: Pixels downwards; below zero upwards.
        right: Pixels to the right; below zero to the left.
    """
    return F.pad(images, (right, -right, down, -down))  # A padding below zero cuts off.


def _leave_out_wrapper(
    _module: nn.Module, state_dict: MutableMapping[str, Any], prefix: str, _metadata: Mapping[str, Any]
) -> None:
    """Name the weights as the encoder alone does."""
    _rename(state_dict, f"{prefix}encoder.", prefix)


def _put_in_wrapper(_module: nn.Module, state_dict: MutableMapping[str, Any], prefix: str, *_: object) -> None:
    """Find the weights that `_leave_out_wrapper` named."""
    _rename(state_dict, prefix, f"{prefix}encoder.")


def _rename(state_dict: MutableMapping[str, Any], before: str, after: str) -> None:
    for name in [name for name in state_dict if name.startswith(before)]:
        state_dict[after + name.removeprefix(before)] = state_dict.pop(name)
