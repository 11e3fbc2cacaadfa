"""Blocks that know nothing of tasks."""

from quickstudy.networks.class_means import class_means, mask_absent
from quickstudy.networks.conv4 import Conv4, Downsampling
from quickstudy.networks.normalisation import Normalisation, normalisation_2d

__all__ = ["Conv4", "Downsampling", "Normalisation", "class_means", "mask_absent", "normalisation_2d"]
