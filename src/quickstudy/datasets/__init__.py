"""Files on disk, or programs, to arrays in memory."""

from quickstudy.datasets import class_folder, glyphs, image_folder, omniglot, pictures
from quickstudy.datasets.download import DataError
from quickstudy.datasets.drawings import prepare_drawing

__all__ = ["DataError", "class_folder", "glyphs", "image_folder", "omniglot", "pictures", "prepare_drawing"]
