"""Images made smooth before they are read pixel by pixel."""

import torch
from torch import Tensor, nn


class Blur(nn.Module):
    """A Gaussian blur of images (..., H, W). Pixels beyond the edge are zero.

    A layer that reads single pixels can undo the blur, so no information is lost. But gradients through it are smooth,
    and a stroke that is half a pixel aside still has nearly the same input.

    Args:
        deviation: Standard deviation of the blur in pixels.

    Raises:
        ValueError: if the deviation is not positive.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        if deviation <= 0:
            raise ValueError(f"deviation is {deviation}, but more than 0 pixels were expected.")
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Blur rows and columns.

        Args:
            x: Images (..., H, W).
        """
        return self._along(x.shape[-2], x) @ x @ self._along(x.shape[-1], x)

    def _along(self, size: int, like: Tensor) -> Tensor:
        """What each of so many pixels in a line gets of each, (size, size)."""
        place_H = torch.arange(-size, size + 1, device=like.device, dtype=like.dtype)
        bell_H = torch.exp(-(place_H**2) / (2 * self.deviation**2))
        return (bell_H / bell_H.sum()).unfold(0, size, 1)[1:-1].flip(0)
