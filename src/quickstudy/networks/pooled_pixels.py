"""Images made small: the mean of squares of pixels, standardised by fixed numbers."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d


class PooledPixels(nn.Module):
    """Pixels of a smaller image as one vector: (T, E, C, H, W) becomes (T, E, C · side²). It has no weights.

    Args:
        image_shape: channels, rows and columns of an image.
        side: rows and columns of the smaller image.
        mean: mean of a pixel, which is subtracted.
        deviation: standard deviation of a pixel, which divides.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], side: int, *, mean: float = 0.0, deviation: float = 1.0
    ) -> None:
        super().__init__()
        if not 1 <= side <= min(image_shape[1:]):
            raise ValueError(f"side is {side}, but 1 to {min(image_shape[1:])}, the side of an image, was expected.")
        self.image_shape, self.side, self.mean, self.deviation = image_shape, side, mean, deviation

    @property
    def num_features(self) -> int:
        """How many numbers an image becomes."""
        return self.image_shape[0] * self.side**2

    def forward(self, images: Tensor) -> Tensor:
        """The vectors.

        Args:
            images: (T, E, C, H, W).
        """
        small = adaptive_avg_pool2d(images.flatten(0, 1), self.side).flatten(1)
        return (small.unflatten(0, images.shape[:2]) - self.mean) / self.deviation
