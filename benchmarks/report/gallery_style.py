"""What the pictures of `benchmarks/report/gallery.py` share: characters to learn from, matrices, and small files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from quickstudy.datasets import glyphs
from quickstudy.evaluation.plots import empty_figure

BLUE, ORANGE, GREEN, RED, GREY = "#3b6fb6", "#dd8452", "#4f9d69", "#b5413c", "0.55"


def characters(num_classes: int, num_drawings: int, seed: int = 7) -> Tensor:
    """Drawings (C, E, 1, 28, 28) of generated characters, ink 1 on 0. No learner was trained on this seed."""
    drawn = torch.as_tensor(glyphs.load(num_classes, num_drawings, seed=10_000 + seed))
    return drawn[:, :, None].float() / 255


def in_random_order(images: Tensor, runs: int, ways: int, shots: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Runs (T, L, 1, 28, 28) of drawings of some characters in random order, and their labels (T, L)."""
    generator = torch.Generator().manual_seed(seed)
    classes_TN = torch.rand(runs, len(images), generator=generator).argsort(dim=1)[:, :ways]
    label_L = torch.arange(ways).repeat_interleave(shots)
    drawing_L = torch.arange(shots).repeat(ways)
    order_TL = torch.rand(runs, ways * shots, generator=generator).argsort(dim=1)
    labels_TL, drawings_TL = label_L[order_TL], drawing_L[order_TL]
    return images[classes_TN.gather(1, labels_TL), drawings_TL], labels_TL


def save(figure: Any, path: Path, *, colours: int | None = None) -> None:
    """Write a figure to a small file; with few colours it is smaller still, which suits lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})
    if colours is not None:
        Image.open(path).convert("RGB").quantize(colours).save(path, optimize=True)


def heat(axes: Any, values: Tensor, *, largest: float | None = None, around_zero: bool = True) -> Any:
    """A matrix in colours: red above zero and blue below, or from white to dark blue."""
    bound = largest or float(values.abs().max()) or 1.0
    shades: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -bound} if around_zero else {"cmap": "Blues", "vmin": 0}
    shown = axes.imshow(values.numpy(), aspect="auto", interpolation="nearest", vmax=bound, **shades)
    axes.set(xticks=[], yticks=[])
    return shown


def drawing(axes: Any, images: Tensor, *, is_column: bool = False) -> None:
    """Drawings (E, 1, H, W) side by side, or one under another, black on white."""
    parts = 1 - images[:, 0]
    joined = torch.cat(list(parts), dim=0 if is_column else 1)
    axes.imshow(joined.numpy(), cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def matrices(
    path: Path,
    first: tuple[str, Tensor],
    changes: Sequence[tuple[str, Tensor]],
    *,
    parts: Sequence[tuple[str, int]] = (),
    size: tuple[float, float] = (8.0, 5.0),
    columns: int = 1,
    axis_labels: tuple[str, str] = ("", ""),
) -> None:
    """A matrix as it was first, and under it what examples changed, all changes on one scale."""
    figure = empty_figure(*size)
    rows = -(-(1 + len(changes)) // columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    bound = max(float(values.abs().max()) for _, values in changes)
    for axes, (title, values) in zip(grid.flat, (first, *changes), strict=False):
        shown = heat(axes, values, largest=None if values is first[1] else bound)
        axes.set_title(title, loc="left", fontsize=9)
        edge = -0.5
        for _, width in parts[:-1]:
            edge += width
            axes.axvline(edge, color="0.2", linewidth=1)
    for axes in list(grid.flat)[1 + len(changes) :]:
        axes.set_axis_off()
    left = 0
    for name, width in parts:
        grid[-1, 0].annotate(
            name, (left + width / 2 - 0.5, 0), (0, -4), ("data", "axes fraction"), "offset points",
            ha="center", va="top", fontsize=8,
        )  # fmt: skip
        left += width
    grid[-1, 0].set(xlabel=axis_labels[0])
    grid[0, 0].set(ylabel=axis_labels[1])
    figure.colorbar(shown, ax=grid, shrink=0.6, label="change")
    save(figure, path)
