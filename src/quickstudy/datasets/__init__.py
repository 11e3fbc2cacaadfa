"""Files on disk, or programs, to arrays in memory."""

from quickstudy.datasets import glyphs, image_folder, omniglot, pictures
from quickstudy.datasets.download import DataError

__all__ = ["DataError", "glyphs", "image_folder", "omniglot", "pictures"]
