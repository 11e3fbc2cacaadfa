"""The mean of several trainings' weights, which may answer better than each of them.

python tools/average.py NAME|RUN NAME|RUN ... [--ends] [--tasks 1000] [--json] [--out RUN]

Trainings that began with the same weights, and went on with other tasks, end in one valley of the loss, and the mean of
their ends lies nearer to its floor: Wortsman et al., "Model soups" (ICML 2022). Each of them and the mean are
evaluated like the first training at its validation. With `--out` the mean is written as a run, which can be evaluated,
started from and shipped.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import Tensor

from quickstudy.core import Header, UserError, save_trained
from quickstudy.pretrained import open_weights
from quickstudy.protocols.records import json_text
from quickstudy.recipes import build
from quickstudy.training.run import LAST, load_end
from quickstudy.training.validation import Validation, validate


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to ask, and where to leave the mean."""

    ends: bool = False
    """Take what run folders ended with: the best validation may have come early."""
    tasks: int | None = None
    """Number of validation tasks, if not the number of the training."""
    json: bool = False
    """Print figures as JSON."""
    out: Path | None = None
    """Run folder for the mean."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


def mean(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Of each number the mean; what is no floating-point number, such as a count, is the first one's."""
    means = {}
    for name, first in weights[0].items():
        stacked = torch.stack([each[name] for each in weights])
        means[name] = stacked.double().mean(dim=0).to(first.dtype) if first.is_floating_point() else first
    return means


def header_of_mean(headers: Sequence[Header]) -> Header:
    """The first one's recipe and arguments, with the headers of all trainings that the mean is of."""
    averaged: list[Header] = []
    for header in headers:
        averaged += [part for part in header.averaged or (header,) if part not in averaged]  # Of a mean, its own.
    first, contents = headers[0], {digest for header in headers for digest in header.contents}
    return Header(
        recipe=first.recipe,
        arguments=first.arguments,
        seed=first.seed,
        minutes=first.minutes,
        # Of a mean that an older version made, the header knows what its trainings started from, and they do not.
        parents=tuple(parent for header in headers if header.averaged for parent in header.parents),
        contents=tuple(sorted(contents)),
        provenance=first.provenance,
        averaged=tuple(averaged),
    )


def _read(name: str, ends: bool) -> tuple[dict[str, Tensor], Header]:
    if ends and (Path(name) / LAST).exists():
        return load_end(Path(name))
    opened = open_weights(name)
    # A file that a training can go on from has a position; the mean of its weights with others has none.
    return opened.experiment.learner.state_dict(), replace(opened.header, position=None)


def refuse_unlike(names: Sequence[str], headers: Sequence[Header], weights: Sequence[Mapping[str, Tensor]]) -> None:
    """Raise UserError unless these are weights of one network, of two trainings at least."""
    if len(names) < 2:
        raise UserError("A mean is of two trainings at least. Give more names or run folders.")
    shapes = [{name: value.shape for name, value in each.items()} for each in weights]
    for name, header, own in zip(names[1:], headers[1:], shapes[1:], strict=True):
        if header.recipe != headers[0].recipe or own != shapes[0]:
            raise UserError(
                f"'{name}' (recipe {header.recipe}, {len(own)} tensors) and '{names[0]}' (recipe "
                f"{headers[0].recipe}, {len(shapes[0])} tensors) are of other networks or sizes. "
                "Average weights that were trained from the same beginning."
            )


def _validations(
    headers: Sequence[Header], weights: Sequence[Mapping[str, Tensor]], options: Options
) -> list[Validation]:
    experiment = build(headers[0].recipe, headers[0].arguments)
    if options.tasks is not None:
        experiment = replace(experiment, validation_tasks=options.tasks)
    tasks, validations = experiment.validation(options.data_root), []
    for each in weights:
        experiment.learner.load_state_dict(each)
        validations.append(validate(experiment, experiment.learner, tasks))
    return validations


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Validation at several trainings' weights and at their mean, and write it."""
    try:
        read = [_read(name, options.ends) for name in names]
        weights, headers = [each for each, _ in read], [header for _, header in read]
        refuse_unlike(names, headers, weights)
        path = None if options.out is None else options.out / "best.safetensors"
        if path is not None and path.exists():
            raise UserError(f"{path} exists already. Give another --out.")
        weights.append(mean(weights))
        validations = _validations(headers, weights, options)
        for name, seen in zip([*names, "their mean"], validations, strict=True):
            print(json_text({"weights": name, **seen.figures}, indent=None) if options.json else f"{name}: {seen.text}")
        if path is not None:
            header = replace(header_of_mean(headers), validation=validations[-1].figures)
            save_trained(path, weights[-1], header)
            print(path, file=sys.stderr)
    except UserError as error:
        print(f"average: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
