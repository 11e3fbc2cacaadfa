"""From a folder or a table to predictions: `quickstudy.adapt`."""

import os
from pathlib import Path
from typing import Any, get_args

from quickstudy.core import UserError
from quickstudy.estimators.image_task import ImageTask
from quickstudy.estimators.table_task import Kind, TableTask
from quickstudy.estimators.text_task import TextTask

_TABLES = {".csv", ".tsv", ".txt"}


def adapt(
    support: str | os.PathLike[str],
    learner: str | Path = "auto",
    *,
    target: str | None = None,
    kind: Kind = "auto",
    num_draws: int = 1,
    seed: int = 0,
    encoder: Any = None,
) -> ImageTask | TableTask | TextTask:
    """Adapt a learner to your examples. The result answers queries: `adapt("drawings").predict(["new.png"])`.

    Args:
        support: A folder with a sub-folder of images, or with encoder="text" of .txt files, for each class; or a CSV
            file.
        learner: A name of trained weights or a run folder. "auto" chooses by the examples.
        target: Of a CSV file, the column to predict. None takes the last one.
        kind: Of a CSV file, whether the target is a class or a value. "auto" takes text and repeated whole numbers for
            classes.
        num_draws: Rounds over which predictions of classes are averaged.
        seed: Decides the rounds.
        encoder: "text" for texts. Of photographs: "photos", a module that reads images (n, 3, H, W), or a function that
            turns a list of images (H, W, 3) into features (n, D). None reads images as drawings.

    Raises:
        UserError: if the examples cannot be read, or the learner does not fit them.
        DataError: if the folder holds no classes.
    """
    path = Path(os.path.expanduser(support))
    if num_draws < 1:
        raise UserError(f"{num_draws} draws were given, but a whole number from 1 was expected.")
    if kind not in get_args(Kind):
        raise UserError(f"kind is {kind!r}, but one of {', '.join(get_args(Kind))} was expected.")
    if encoder == "text":
        if kind == "values":
            raise UserError("Texts have classes, but kind was values. Leave it out.")
        return TextTask.of(path, learner, num_draws, seed, target=target)
    if path.suffix.lower() in _TABLES:
        if encoder is not None:
            raise UserError(
                "This encoder is for images, but a table was given. Leave it out, or take 'text' for a column of text."
            )
        return TableTask.of(path, learner, num_draws, seed, target=target, kind=kind)
    if not path.is_dir():
        raise UserError(
            f"'{support}' is neither a folder nor a CSV file. Give a folder with a sub-folder of images for each "
            "class, or a table that ends in .csv."
        )
    if target is not None or kind != "auto":
        raise UserError("target and kind are for CSV files, but a folder was given. Leave them out.")
    return ImageTask.of(path, learner, num_draws, seed, encoder=encoder)
