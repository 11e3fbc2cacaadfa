"""Images completed from some of their pixels: pictures of them, and which pixel to observe next.

Letters: T tasks, P pixels of an image, S of them given, C channels; H W images.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from quickstudy.core import Learner, ShowsImages, Tasks, UserError, unchecked_distributions
from quickstudy.evaluation.answering import answered

Choice = Literal["largest variance", "random"]

_CELL, _GAP, _MARGIN, _HEAD = 76, 4, 14, 40  # Pixels.
_PAPER, _INK = (255, 255, 255), (30, 30, 30)
_UNSEEN = torch.tensor([0.72, 0.82, 0.93])  # A colour that no drawing in black and white has.
_SPREAD = torch.tensor([0.75, 0.10, 0.05])


class Completed(NamedTuple):
    """Images and a learner's completions of them, all (T, P, C), pixels row by row."""

    is_given: Tensor
    """(T, P) booleans: which pixels the learner was given."""
    """(T, P) booleans."""
    mean: Tensor
    """Mean of the prediction."""
    deviation: Tensor
    """Standard deviation of the prediction."""
    truth: Tensor
    """The images themselves."""


def complete(learner: Learner, images: ShowsImages, count: int, num_images: int, seed: int = 0) -> Completed:
    """Give the learner some pixels of each image, and predict all of them.

    Args:
        learner: The learner.
        images: The images.
        count: Pixels to give.
        num_images: Number of images.
        seed: Decides the images and the pixels.
    """
    drawn = _all_of(images, count, num_images, seed)
    return _completed(learner, drawn, images.grid)


def save_completions(
    path: Path,
    learner: Learner,
    images: ShowsImages,
    counts: Sequence[int] = (10, 50, 100, 300),
    num_images: int = 6,
    seed: int = 0,
) -> None:
    """Draw a row for each image: for each count the given pixels, the predicted mean and the predicted spread; then the
    truth.

    Ink is dark. Images of three channels are in colour. The spread is red: a standard deviation of a half is full red.

    Args:
        path: File of the picture.
        learner: The learner.
        images: The images.
        counts: Numbers of given pixels. Those that exceed the image are left out.
        num_images: Number of images.
        seed: Decides the images and the pixels.
    """
    counts = [count for count in counts if count <= images.grid[0] * images.grid[1]]
    columns: list[tuple[str, list[Tensor]]] = []
    for count in counts:
        found = complete(learner, images, count, num_images, seed)
        columns += [
            (f"{count} pixels", _pictures(found.truth, images.grid, hidden=~found.is_given)),
            ("mean", _pictures(found.mean, images.grid)),
            ("spread", _heat(found.deviation, images.grid)),
        ]
    columns.append(("truth", _pictures(found.truth, images.grid)))
    _save_sheet(path, columns, num_images)


def next_pixels(
    learner: Learner,
    images: ShowsImages,
    choice: Choice,
    num_pixels: int = 100,
    num_images: int = 50,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Squared errors while pixels are observed one by one, (num_pixels + 1, T). The first is without any pixel.

    The error is that of the completed image, in which given pixels are exact. Each pixel is chosen after the one before
    was observed.

    Args:
        learner: The learner.
        images: The images.
        choice: Choose the pixel with the largest predicted variance, or a random one.
        num_pixels: Pixels to observe.
        num_images: Images T.
        seed: Decides the images and the random choices.
        progress: Called with the number of pixels that were observed.

    Raises:
        UserError: if an image has fewer pixels.
    """
    if num_pixels > images.grid[0] * images.grid[1]:
        raise UserError(f"{num_pixels} pixels were to be chosen, but an image of {images.grid} has fewer.")
    drawn = _all_of(images, 0, num_images, seed)
    generator = torch.Generator(drawn.query_x.device).manual_seed(seed)
    luck_TP = torch.rand(drawn.query_x.shape[:2], generator=generator, device=drawn.query_x.device)
    chosen_TS = torch.zeros(num_images, 0, dtype=torch.long, device=drawn.query_x.device)
    errors = []
    for count in range(num_pixels + 1):
        found = _completed(learner, _given(drawn, chosen_TS), None)
        is_given_TP = torch.zeros_like(luck_TP, dtype=torch.bool).scatter(1, chosen_TS, True)
        wrong_TP = (found.mean - found.truth).square().mean(dim=-1).masked_fill(is_given_TP, 0.0)
        errors.append(wrong_TP.mean(dim=1))
        worth_TP = found.deviation.square().sum(dim=-1) if choice == "largest variance" else luck_TP
        best_T1 = worth_TP.masked_fill(is_given_TP, -1.0).argmax(dim=1, keepdim=True)
        chosen_TS = torch.cat([chosen_TS, best_T1], dim=1)
        if progress is not None:
            progress(count)
    return torch.stack(errors)


def _all_of(images: ShowsImages, count: int, num_images: int, seed: int) -> Tasks:
    distribution = images.showing(count)
    return distribution.sample(num_images, torch.Generator(distribution.device).manual_seed(seed))


def _given(drawn: Tasks, index_TS: Tensor) -> Tasks:
    """The tasks with these of their queries given."""
    x, y = (field.gather(1, index_TS[..., None].expand(-1, -1, field.shape[2])) for field in drawn[2:])
    return drawn._replace(support_x=x, support_y=y)


def _completed(learner: Learner, drawn: Tasks, grid: tuple[int, int] | None) -> Completed:
    """What the learner says of the queries: row by row on a grid, or in their own order."""
    with torch.no_grad(), unchecked_distributions():
        said = answered(learner, drawn, lambda said, _: {"mean": said.mean, "variance": said.variance})
    is_given_TP = torch.arange(drawn.query_x.shape[1], device=drawn.query_x.device) < drawn.support_x.shape[1]
    given = is_given_TP.expand(drawn.query_x.shape[:2])
    mean, deviation = said["mean"].to(drawn.query_y), said["variance"].sqrt().to(drawn.query_y)
    if grid is None:
        return Completed(given, mean, deviation, drawn.query_y)
    row, column = (drawn.query_x * drawn.query_x.new_tensor(grid)).floor().long().unbind(dim=-1)
    order_TP = (row * grid[1] + column).argsort(dim=1)
    ordered = (each.gather(1, order_TP[..., None].expand_as(each)) for each in (mean, deviation, drawn.query_y))
    return Completed(given.gather(1, order_TP), *ordered)


def _pictures(values_TPC: Tensor, grid: tuple[int, int], hidden: Tensor | None = None) -> list[Tensor]:
    """(H, W, 3) from 0 to 1: colours as they are, else ink on paper; what is hidden in a colour of its own."""
    shown = values_TPC.cpu().float().clamp(0, 1)
    shown = shown if shown.shape[-1] == 3 else 1 - shown.mean(dim=-1, keepdim=True).expand(-1, -1, 3)
    if hidden is not None:
        shown = torch.where(hidden.cpu()[..., None], _UNSEEN, shown)
    return list(shown.unflatten(1, grid))


def _heat(deviation_TPC: Tensor, grid: tuple[int, int]) -> list[Tensor]:
    share = (2 * deviation_TPC.cpu().float().mean(dim=-1, keepdim=True)).clamp(0, 1)
    return list((1 - share * (1 - _SPREAD)).unflatten(1, grid))


def _save_sheet(path: Path, columns: Sequence[tuple[str, list[Tensor]]], num_rows: int) -> None:
    lefts: list[int] = []
    left = _MARGIN
    for title, _ in columns:
        left += 2 * _MARGIN if lefts and (title.endswith("pixels") or title == "truth") else 0
        lefts.append(left)
        left += _CELL + _GAP
    sheet = Image.new("RGB", (left + _MARGIN, _HEAD + num_rows * (_CELL + _GAP) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for (title, pictures), corner in zip(columns, lefts, strict=True):
        pen.text((corner, _HEAD - 20), title, fill=_INK)
        for row, picture in enumerate(pictures):
            tile = Image.fromarray((255 * picture).round().byte().numpy()).resize(
                (_CELL, _CELL), Image.Resampling.NEAREST
            )
            place = (corner, _HEAD + row * (_CELL + _GAP))
            sheet.paste(tile, place)
            pen.rectangle((*place, place[0] + _CELL - 1, place[1] + _CELL - 1), outline=(200, 200, 200))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
