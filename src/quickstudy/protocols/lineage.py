"""What weights were trained on, themselves or in what they started from, and what is therefore no test of them.

Of Omniglot the classes count, by the split that a recipe trains on. Of a user's own pictures a digest of each counts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.core import Experiment, Header, UserError
from quickstudy.datasets import omniglot
from quickstudy.sources import Part, Split, part_classes


def training_classes(arguments: Mapping[str, Any]) -> np.ndarray:
    """Indices of the Omniglot characters that a recipe with these arguments trains on; none if it has no split.

    Args:
        arguments: The recipe's arguments by name.
    """
    if "split" not in arguments:
        return np.array([], dtype=int)
    return part_classes(arguments["split"], "train and validation" if arguments.get("final") else "train")


def free_classes(header: Header, split: Split) -> np.ndarray:
    """Indices of the Omniglot characters that neither made these weights nor test them.

    No ancestor of the weights was trained on them, and they are not among the test classes of the split. So numbers may
    be fitted on them.

    Args:
        header: Of the weights.
        split: Its test classes give the final figures.
    """
    used = [training_classes(each.arguments) for each in header.ancestors()]
    return np.setdiff1d(np.arange(len(omniglot.class_names())), np.concatenate([omniglot.split(split).test, *used]))


def refuse_leak(header: Header, split: Split, part: Part) -> None:
    """Refuse to evaluate weights on classes that they, or any of their ancestors, were trained on.

    Args:
        header: Of the weights.
        split: Split of Omniglot to evaluate on.
        part: Part of that split.

    Raises:
        UserError: if classes of that part of the split are among them.
    """
    classes = getattr(omniglot.split(split), part)
    for arguments in (each.arguments for each in header.ancestors()):
        leaked = int(np.isin(classes, training_classes(arguments)).sum())
        if leaked:
            own = arguments["split"]
            raise UserError(
                f"These weights were trained on the split '{own}', whose training classes include {leaked} of the "
                f"{part} classes of '{split}'. Evaluate on '{own}', or train with --split {split}"
                + (" and without the validation classes." if part == "validation" else ".")
            )


def refuse_leaking_start(parent: Header, arguments: Mapping[str, Any]) -> None:
    """Refuse to start from weights that were trained on what this training is validated or tested on.

    Args:
        parent: Header of the weights to start from.
        arguments: Of the recipe that is to be trained.

    Raises:
        UserError: as `refuse_leak`.
    """
    if "split" not in arguments:
        return
    parts: tuple[Part, ...] = ("test",) if arguments.get("final") else ("validation", "test")
    for part in parts:
        refuse_leak(parent, arguments["split"], part)


def training_pictures(experiment: Experiment, data_root: Path | None) -> set[str]:
    """Digests of the user's own pictures that an experiment trains on; none where it has no such pictures.

    Args:
        experiment: What is trained.
        data_root: Folder of the data sets.
    """
    return set() if experiment.contents is None else set(experiment.contents(data_root)["train"])


def refuse_seen(
    header: Header,
    experiment: Experiment,
    data_root: Path | None,
    parts: tuple[str, ...] = ("validation", "test"),
) -> None:
    """Refuse validation and test pictures that these weights, or any of their ancestors, were trained on.

    Args:
        header: Of the weights.
        experiment: Whose pictures they are to be validated or tested on.
        data_root: Folder of the data sets.
        parts: Which of the experiment's parts to check.

    Raises:
        UserError: if such a picture is in one of these parts.
    """
    seen = {digest for each in header.ancestors() for digest in each.contents}
    if experiment.contents is None or not seen:
        return
    contents = experiment.contents(data_root)
    for part in parts:
        leaked = sum(digest in seen for digest in contents[part])
        if leaked:
            raise UserError(
                f"{leaked} of the {len(contents[part])} {part} examples are among those that these weights were "
                "trained on: the folder has changed since. Put its files back as they were, add more, or train anew."
            )
