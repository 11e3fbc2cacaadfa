"""A convolution and the batch normalisation behind it in one, without a pass over the maps between them.

A map is a weighted sum of the images' patches. So its mean and variance follow from the mean and the covariance of the
patches, which have few numbers where images have few channels, and the normalisation goes into the convolution's
weights. With 64 maps of one channel this spares a training step several passes over the largest tensor that it has.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def normalised_convolution(x_BCHW: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """What `norm(convolution(x))` gives in training; the running statistics move as they do there.

    Args:
        x_BCHW: Images.
        convolution: Without bias, over zero-padded images.
        norm: In training mode.

    Raises:
        ValueError: if the normalisation keeps no moving statistics.
    """
    with torch.autocast(x_BCHW.device.type, enabled=False):  # Differences of sums do not stand rounding.
        exact_BCHW = x_BCHW.to(convolution.weight.dtype)  # A layer before may have rounded them.
        mean_P, covariance_PP, count = _patch_statistics(exact_BCHW, convolution)
        weight_CP = convolution.weight.flatten(1)
        mean_C = weight_CP @ mean_P
        variance_C = ((weight_CP @ covariance_PP) * weight_CP).sum(dim=1)
        rate_C = norm.weight * (variance_C + norm.eps).rsqrt()
        weight = convolution.weight * rate_C[:, None, None, None]
        bias_C = norm.bias - mean_C * rate_C
        _follow(norm, mean_C.detach(), variance_C.detach() * (count / (count - 1)))
    return F.conv2d(x_BCHW, weight, bias_C, convolution.stride, convolution.padding)


def _patch_statistics(x_BCHW: Tensor, convolution: nn.Conv2d) -> tuple[Tensor, Tensor, int]:
    """Mean (P,) and covariance (P, P) of the patches that the convolution reads, and how many there are."""
    size, stride, padding = convolution.kernel_size, convolution.stride, convolution.padding
    patches_BPL = F.unfold(x_BCHW, size, padding=padding, stride=stride)  # type: ignore[arg-type]
    patches_PM = patches_BPL.transpose(0, 1).flatten(1)
    mean_P = patches_PM.mean(dim=1)
    centred_PM = patches_PM - mean_P[:, None]
    count = centred_PM.shape[1]
    return mean_P, centred_PM @ centred_PM.T / count, count


def _follow(norm: nn.BatchNorm2d, mean_C: Tensor, variance_C: Tensor) -> None:
    """Move the running statistics towards those of this batch."""
    running_mean, running_variance, seen = norm.running_mean, norm.running_var, norm.num_batches_tracked
    if running_mean is None or running_variance is None or seen is None or norm.momentum is None:
        raise ValueError("The normalisation keeps no moving statistics. Build it with nn.BatchNorm2d's own settings.")
    running_mean.lerp_(mean_C, norm.momentum)
    running_variance.lerp_(variance_C, norm.momentum)
    seen.add_(1)
