"""A series of your own: a forecast with a 90 % band, without training and without choosing a kernel.

python examples/own_series.py                                  # a made-up series of monthly temperatures
python examples/own_series.py series.csv --picture series.png  # two columns of numbers: place and value
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import torch

import quickstudy
from quickstudy.evaluation.quantiles import central_interval


def made_up_series() -> tuple[np.ndarray, np.ndarray]:
    """Eight years of monthly temperatures: a season, a slow trend and noise. Any units may be used."""
    year = 2015 + np.arange(96) / 12
    noise = np.random.default_rng(0).normal(0, 0.8, len(year))
    return year, 9.5 + 0.1 * (year - 2015) + 8 * np.sin(2 * np.pi * (year - 0.3)) + noise


def main() -> None:
    parser = argparse.ArgumentParser(description="Forecast a series with a band.")
    parser.add_argument("file", nargs="?", type=Path, help="two columns, separated by commas: place and value")
    parser.add_argument("--picture", type=Path, help="where to save a plot; needs matplotlib")
    options = parser.parse_args()
    if options.picture and importlib.util.find_spec("matplotlib") is None:
        parser.error("--picture needs matplotlib, which is not installed. Install quickstudy[plots].")

    x, y = np.loadtxt(options.file, delimiter=",").T if options.file else made_up_series()
    ahead = np.linspace(x[0], x[-1] + (x[-1] - x[0]) / 4, 300)  # A quarter of the range beyond the last point.

    regressor = quickstudy.load("gp-general")
    state = regressor.adapt(x.reshape(1, -1, 1), y.reshape(1, -1, 1))  # (1 task, S points, 1 number)
    prediction = regressor.predict(state, torch.from_numpy(ahead.reshape(1, -1, 1)))
    mean, (low, high) = prediction.mean, central_interval(prediction, 0.9)
    for place in range(240, 300, 12):
        values = (float(each[0, place, 0]) for each in (mean, low, high))
        print("{:10.2f}  mean {:8.2f}  90 % band {:8.2f} to {:8.2f}".format(ahead[place], *values))

    if options.picture:
        import matplotlib

        matplotlib.use("Agg")  # Draws into a file, without a window.
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(9, 4))
        axes.fill_between(ahead, low[0, :, 0], high[0, :, 0], alpha=0.3, label="90 % band")
        axes.plot(ahead, mean[0, :, 0], label="mean")
        axes.plot(x, y, "k.", markersize=4, label="given")
        axes.legend()
        figure.savefig(options.picture, dpi=120)
        pyplot.close(figure)


if __name__ == "__main__":
    main()
