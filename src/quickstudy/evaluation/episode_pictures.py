"""Pictures of what a learner does: an episode with its answers."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import Tasks, UserError

_CELL = 64  # Pixels an image takes, with its frame.
_FRAME = 3
_HEAD = 30
_GAP = 24
_PAPER, _INK, _GREY = (255, 255, 255), (30, 30, 30), (140, 140, 140)
_RIGHT, _WRONG = (38, 150, 70), (205, 45, 45)


def save_episode(path: Path, tasks: Tasks, prediction: Distribution) -> None:
    """Draw the first task: a row for each class, with its support on the left and its queries on the right.

    The frame of a query is green if the predicted class is right. Else it is red, with the predicted class in it.
    Images are (T, S, C, H, W) with ink 1.

    Args:
        path: File of the picture.
        tasks: The tasks.
        prediction: The learner's prediction for them.

    Raises:
        UserError: if the inputs are no images.
    """
    if tasks.support_x.ndim != 5:
        raise UserError(f"Inputs have shape {tuple(tasks.support_x.shape[2:])}, but an image (C, H, W) was expected.")
    support, labels = tasks.support_x[0].cpu(), tasks.support_y[0].cpu()
    queries, truth = tasks.query_x[0].cpu(), tasks.query_y[0].cpu()
    answers = prediction.probs[0].argmax(dim=-1).cpu()  # type: ignore[attr-defined]
    ways = int(labels.max()) + 1
    shots, each = (int(torch.bincount(y, minlength=ways).max()) for y in (labels, truth))
    sheet = Image.new("RGB", (_GAP * 3 + _CELL * (shots + each), _HEAD + _CELL * ways + _GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    left = _GAP * 2 + _CELL * shots
    accuracy = (answers == truth).double().mean()
    pen.text((_GAP, 10), "support", fill=_INK)
    pen.text((left, 10), f"queries, {accuracy:.0%} right (red: the class answered)", fill=_INK)
    for way in range(ways):
        top = _HEAD + _CELL * way
        pen.text((8, top + _CELL // 2 - 6), str(way), fill=_INK)
        for place, index in enumerate((labels == way).nonzero().flatten()):
            _paste(sheet, support[index], (_GAP + _CELL * place, top), _GREY)
        for place, index in enumerate((truth == way).nonzero().flatten()):
            is_right = bool(answers[index] == way)
            corner = (left + _CELL * place, top)
            _paste(sheet, queries[index], corner, _RIGHT if is_right else _WRONG)
            if not is_right:
                pen.text((corner[0] + 7, corner[1] + 5), str(int(answers[index])), fill=_WRONG)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _paste(sheet: Image.Image, image_CHW: Tensor, corner: tuple[int, int], frame: tuple[int, int, int]) -> None:
    side = _CELL - 2
    grey = (255 * (1 - image_CHW.mean(dim=0).clamp(0, 1))).byte().numpy()
    drawing = Image.fromarray(grey).resize((side - 2 * _FRAME, side - 2 * _FRAME), Image.Resampling.BICUBIC)
    tile = Image.new("RGB", (side, side), frame)
    tile.paste(drawing, (_FRAME, _FRAME))
    sheet.paste(tile, corner)
