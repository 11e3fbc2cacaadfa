"""Tasks over the user's own series, and what a training keeps of them."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import TaskSource, UserError
from quickstudy.datasets import series_files
from quickstudy.datasets.series_files import Columns
from quickstudy.sources.parts import Part
from quickstudy.tasks.series import SeriesLayout, SeriesPoints

_PARTS: tuple[Part, ...] = "train", "validation", "test"


class OwnSeries(NamedTuple):
    """Where a user's own series are, how they are read, and how they are divided."""

    source: str
    """A folder of CSV files, or one CSV file."""
    columns: Columns = Columns()
    """Names of columns."""
    split_seed: int = 0
    """Decides which series are in which part."""
    skip_unusable: bool = False
    """Leave out what cannot be read."""

    def tasks(self, part: Part, layout: SeriesLayout) -> TaskSource:
        """Tasks over the series of one part.

        Args:
            part: The part.
            layout: Which points are support and queries.
        """

        def series(data_root: Path | None) -> SeriesPoints:
            return SeriesPoints(*self._of_part(part), layout)

        return series

    def contents(self, data_root: Path | None) -> dict[str, list[str]]:
        """Digests of the series of each part.

        Args:
            data_root: Not needed.
        """
        found = self._read()
        parts = series_files.split(found.names, self.split_seed)
        return {part: [found.digests[index] for index in getattr(parts, part)] for part in _PARTS}

    def measured_by(self, measure: Callable[[Tensor, Tensor], None]) -> Callable[[Path | None], None]:
        """A function that gives all points of the training series to another one.

        Args:
            measure: Reads places (P, 1) and values (P, 1).
        """

        def before_training(data_root: Path | None) -> None:
            places, values, _ = self.training_points()
            measure(places[:, None], values[:, None])

        return before_training

    def training_points(self) -> tuple[Tensor, Tensor, int]:
        """Places (P,) and values (P,) of all points of the training series, and the number of these series."""
        places, values = self._of_part("train")
        x, y = (torch.from_numpy(np.concatenate(each)) for each in (places, values))
        return x, y, len(places)

    def _of_part(self, part: Part) -> tuple[list[np.ndarray], list[np.ndarray]]:
        found = self._read()
        chosen = getattr(series_files.split(found.names, self.split_seed), part)
        return [found.places[index] for index in chosen], [found.values[index] for index in chosen]

    def _read(self) -> series_files.Series:
        if not self.source:
            raise UserError(
                "No series were given. Give a folder of CSV files, one series each, or one CSV file with a column that "
                "names the series: --folder DIR."
            )
        return series_files.read(self.source, self.columns, skip_unusable=self.skip_unusable)
