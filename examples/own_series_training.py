"""Train on your own series, then forecast the rest of one that the training never saw.

python examples/own_series_training.py                             # makes up years of monthly temperatures itself
python examples/own_series_training.py my_series --steps 1500      # a folder with a CSV file for each series
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import quickstudy
from quickstudy.cli import main as command
from quickstudy.datasets import series_files


def make_up_years(folder: Path) -> Path:
    """Thirty years of twelve months, each warmer or colder than the mean as a whole. Some months are missing."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    month = np.arange(1, 13)
    for year in range(1990, 2020):
        level, size = random.normal(10, 2), random.normal(8, 1)
        values = level - size * np.cos(2 * np.pi * (month - 1) / 12) + random.normal(0, 0.5, 12)
        cells = ["" if random.random() < 0.05 else f"{value:.2f}" for value in values]
        rows = "".join(f"{place},{cell}\n" for place, cell in zip(month, cells, strict=True))
        (folder / f"{year}.csv").write_text("month,temperature\n" + rows)
    return folder


def train_and_forecast(folder: Path, steps: int, run: Path, work: Path) -> None:
    """Train, adapt to the first half of a test series, and predict the other half."""
    command(["train", "series-cnp", "--folder", str(folder), "--steps", str(steps), "--out", str(run)])

    found = series_files.read(folder)  # The same division as that of the training.
    index = series_files.split(found.names).test[0]
    places, values = found.places[index], found.values[index]
    half = len(places) // 2
    given, wanted = work / "given.csv", work / "wanted.csv"
    given.write_text("place,value\n" + "".join(f"{x},{y}\n" for x, y in zip(places[:half], values[:half], strict=True)))
    wanted.write_text("place\n" + "".join(f"{x}\n" for x in places[half:]))
    task = quickstudy.adapt(given, run)
    for place, value, answer in zip(places[half:], values[half:], task.predict(wanted), strict=True):
        low, high = answer.interval90
        print(f"{place:g}: mean {answer.mean:.4g}, 90 % from {low:.4g} to {high:.4g}, was {value:.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on your own series, and forecast the rest of a new one.")
    parser.add_argument("folder", nargs="?", type=Path, help="one CSV file for each series")
    parser.add_argument("--steps", type=int, default=200, help="optimiser steps")
    parser.add_argument("--out", type=Path, help="folder of the run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder = options.folder or make_up_years(work / "years")
        train_and_forecast(folder, options.steps, options.out or work / "run", work)


if __name__ == "__main__":
    main()
