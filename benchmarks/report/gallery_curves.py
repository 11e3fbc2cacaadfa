"""Accuracy by examples read, beside tuned descent, and how much of earlier tasks is left.

Letters: T runs, L examples, D numbers of an input.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import quickstudy
from gallery_style import BLUE, GREEN, GREY, ORANGE, characters, in_random_order, save
from quickstudy.core import Learner
from quickstudy.evaluation import Interval, provenance
from quickstudy.evaluation.online_descent import best_descent
from quickstudy.evaluation.plots import empty_figure
from quickstudy.learners import VSML, Plastic
from quickstudy.networks.shared_cells import dense_cells
from quickstudy.protocols.records import write_json

_WAYS, _SHOTS = 5, 10
_OF_FEATURES = {
    "omniglot-delta-net": "DeltaNet",
    "omniglot-srwm": "self-referential weights",
    "omniglot-plastic": "plasticity",
}
_AVERAGED = 5


@torch.no_grad()
def right_by_example(learner: Learner, x: Tensor, y: Tensor) -> Tensor:
    """Whether a learner is right at each example of its runs (T, L), before it reads the label.

    Label slots that the task does not use are left out, as the descent has none.
    """
    if not isinstance(learner, Plastic):
        logits_TLN = learner.predict_sequence(x, y).logits[..., :_WAYS]  # type: ignore[operator]
        return (logits_TLN.argmax(dim=-1) == y).double()
    state, right = learner.prior(len(y)), []
    for step in range(y.shape[1]):
        x_T1D, y_T1 = x[:, step : step + 1], y[:, step : step + 1]
        logits_TN = learner.predict(state, x_T1D).logits[:, 0, :_WAYS]
        right.append(logits_TN.argmax(dim=-1) == y_T1[:, 0])
        state = learner.extend(state, x_T1D, y_T1)
    return torch.stack(right, dim=1).double()


@torch.no_grad()
def measure(runs: int, shots: int = _SHOTS) -> dict[str, dict[str, Tensor]]:
    """By what is read, and by learner: whether it is right (T, L)."""
    images, labels = in_random_order(characters(40, shots), runs, _WAYS, shots)
    vsml = quickstudy.load("omniglot-vsml")
    assert isinstance(vsml, VSML)
    pixels = vsml.encoder(images)
    sized = vsml.with_layers(dense_cells(pixels.shape[-1], _WAYS), encoder=vsml.encoder).eval()
    found = {"49 pixels": {"VSML": right_by_example(sized, images, labels), **_descent(pixels, labels)}}
    of_features: dict[str, Tensor] = {}
    features = None
    for name, title in _OF_FEATURES.items():
        if name not in quickstudy.available():
            continue
        learner: Any = quickstudy.load(name)
        if features is None:  # All of them have the encoder of `omniglot-encoder`, so drawings are embedded once.
            features = learner.encoder(images)
        learner.encoder, learner.input_range = nn.Identity(), None
        of_features[title] = right_by_example(learner, features, labels)
    assert features is not None
    standardised = (features - features.mean()) / features.std()
    return {**found, "64 features of an encoder": {**of_features, **_descent(standardised, labels)}}


def _descent(x: Tensor, labels: Tensor) -> dict[str, Tensor]:
    return {f"{name}, tuned": best_descent((x, labels), _WAYS, adam=name == "Adam")[1] for name in ("SGD", "Adam")}


def draw_learning_curves(path: Path, results: Path, runs: int = 50, shots: int = _SHOTS) -> None:
    """Accuracy by examples seen: learners that read, beside softmax regression by SGD and Adam. Figures go to a file.

    Args:
        path: The PNG file.
        results: Folder of the JSON file.
        runs: Runs, each of its own five characters.
        shots: Drawings of each character.
    """
    found = measure(runs, shots)
    figure = empty_figure(9, 3.6)
    for axes, (title, by_learner) in zip(figure.subplots(1, 2, sharey=True), found.items(), strict=True):
        learners = [name for name in by_learner if "tuned" not in name]
        shades = dict(zip(learners, (BLUE, ORANGE, GREEN), strict=False))
        for name, right_TL in by_learner.items():
            mean_L = 100 * right_TL.mean(dim=0).unfold(0, _AVERAGED, 1).mean(dim=1)
            style = {"color": GREY, "linestyle": ":" if "SGD" in name else "--"} if "tuned" in name else {}
            places = range(_AVERAGED, _AVERAGED + len(mean_L))
            axes.plot(places, mean_L, **{"color": shades.get(name), "linewidth": 1.6, **style}, label=name)
        axes.axhline(100 / _WAYS, color="0.85", linewidth=1)
        axes.set_title(f"Reads {title}", loc="left", fontsize=10)
        axes.set(xlabel="examples read", ylim=(0, 102))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.axes[0].set_ylabel("right before the label is known, %")
    save(figure, path, colours=64)
    protocol = {
        "task": f"{_WAYS} generated characters, {shots} drawings of each, in random order",
        "runs": runs,
        "figures": "share of right predictions, each before its label is known; mean over runs, ± 95 % interval",
        "rates": "of SGD and Adam: the best of a grid on the first 50 examples of these runs",
    }
    about = {"benchmark": "learning_curves", "protocol": protocol, "provenance": provenance()}
    write_json(results / "learning_curves.json", {**about, "records": [_record(*each) for each in found.items()]})


def _record(title: str, by_learner: dict[str, Tensor]) -> dict[str, Any]:
    parts = {"all": slice(None), "6 to 15": slice(5, 15), "last 10": slice(-10, None)}
    return {
        "reads": title,
        "learners": {
            name: {part: Interval.over(right_TL[:, which].mean(dim=1)).record() for part, which in parts.items()}
            for name, right_TL in by_learner.items()
        },
    }


def draw_forgetting(path: Path, results: Path) -> None:
    """For each learner of `benchmarks/accuracy/continual.py`: accuracy on each stage after each stage.

    Args:
        path: The PNG file.
        results: Folder of `continual.json`.
    """
    learners = json.loads((results / "continual.json").read_text())["learners"]
    figure = empty_figure(10, 2.7)
    for axes, (name, record) in zip(figure.subplots(1, len(learners), sharey=True), learners.items(), strict=True):
        rows = [[100 * cell["mean"] for cell in row] for row in record["matrix"]]
        values = torch.full((len(rows), len(rows)), torch.nan)
        for row, cells in enumerate(rows):
            values[row, : len(cells)] = torch.tensor(cells)
        axes.imshow(values.numpy(), cmap="Blues", vmin=0, vmax=130)
        for row, cells in enumerate(rows):
            for column, value in enumerate(cells):
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color="0.1")
        axes.set_title(name.removeprefix("omniglot-"), loc="left", fontsize=9)
        numbers = range(len(rows))
        axes.set(xticks=numbers, yticks=numbers, xticklabels=[each + 1 for each in numbers], xlabel="on stage")
        axes.set_yticklabels([each + 1 for each in numbers])
        axes.spines[:].set_visible(False)
    figure.axes[0].set_ylabel("after stage")
    save(figure, path)
