"""Reports of a running training: a CSV file, and TensorBoard if wanted."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from quickstudy.core import UserError

_COLUMNS = ("step", "seconds", "loss", "learning_rate", "tasks_per_second", "accuracy", "interval95")


class Log(Protocol):
    """A place that figures of a training are written to."""

    def write(self, step: int, figures: Mapping[str, float | None]) -> None:
        """Write the figures of a step.

        Args:
            step: Optimiser steps done.
            figures: Figures by name; None for one that was not measured.
        """

    def close(self) -> None:
        """Write what is left and close."""


class CSVLog:
    """A row for each report. A figure that was not measured is empty.

    Args:
        path: The file.
        first_step: Step from which a training goes on; later rows are removed, because these steps come again.
        details: Columns beside the usual ones.
    """

    def __init__(self, path: Path, first_step: int, details: Sequence[str] = ()) -> None:
        columns = (*_COLUMNS, *details)
        kept = _rows_until(first_step, path) if first_step > 0 and path.exists() else []
        # Written beside the old file and then renamed, so that a kill in between loses no row.
        fresh = path.with_name(f".{path.name}.fresh")
        try:
            with fresh.open("w", newline="") as file:
                writer = csv.DictWriter(file, columns, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(kept)
            os.replace(fresh, path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        self._file = path.open("a", newline="")
        self._writer = csv.DictWriter(self._file, columns)

    def write(self, step: int, figures: Mapping[str, float | None]) -> None:
        """Add a row. It is on disk when this returns.

        Args:
            step: Optimiser steps done.
            figures: Figures by name of the column; None leaves the place empty.
        """
        known = {key: f"{value:.6g}" for key, value in figures.items() if value is not None}
        self._writer.writerow({"step": step, **known})
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _rows_until(step: int, path: Path) -> list[dict[str, str]]:
    """The whole rows up to this step; a row that a kill cut short says nothing."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if None not in row and None not in row.values()]
    return [row for row in rows if row.get("step", "").isdecimal() and int(row["step"]) <= step]


def refuse_missing_tensorboard() -> None:
    """Raise UserError if TensorBoard is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise UserError(
            "--tensorboard needs TensorBoard, which is not installed: pip install 'quickstudy[tensorboard]'."
        ) from None


class TensorBoardLog:
    """Event files for TensorBoard.

    Args:
        folder: Folder of the run.
        first_step: Step from which a training goes on; later events are removed.

    Raises:
        UserError: if TensorBoard is not installed.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        refuse_missing_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=first_step)

    def write(self, step: int, figures: Mapping[str, float | None]) -> None:
        """Add a point to each figure's curve.

        Args:
            step: Optimiser steps done.
            figures: Figures by name; None adds no point.
        """
        for name, value in ((name, value) for name, value in figures.items() if value is not None):
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
