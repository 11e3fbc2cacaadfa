"""Images made smooth before they are read pixel by pixel."""

import torch
from torch import Tensor, nn


class Blur(nn.Module):
    """A Gaussian blur of images (..., H, W), `deviation` pixels wide; beyond the edge there is nothing.

    A layer that reads single pixels can undo it, and so loses nothing; but what gradients teach it is smooth, and a
    stroke that lies half a pixel aside still means the same.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        if deviation <= 0:
            raise ValueError(f"deviation is {deviation}, but more than 0 pixels were expected.")
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """Blur rows and columns."""
        return self._along(x.shape[-2], x) @ x @ self._along(x.shape[-1], x)

    def _along(self, size: int, like: Tensor) -> Tensor:
        """What each of so many pixels in a line gets of each, (size, size)."""
        place_H = torch.arange(-size, size + 1, device=like.device, dtype=like.dtype)
        bell_H = torch.exp(-(place_H**2) / (2 * self.deviation**2))
        return (bell_H / bell_H.sum()).unfold(0, size, 1)[1:-1].flip(0)
