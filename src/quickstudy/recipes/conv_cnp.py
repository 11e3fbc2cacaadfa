"""Convolutional Conditional Neural Processes: Gordon et al. (2020), curves as in section 5.1, images as in 5.4."""

from quickstudy.core import Experiment
from quickstudy.learners import ConvCNP, GridConvCNP
from quickstudy.networks.value_head import Likelihood
from quickstudy.recipes._completion import characters, completion_experiment, contents_of, folder_of, made_up
from quickstudy.recipes._functions import curves_experiment
from quickstudy.recipes.sources import Split
from quickstudy.tasks import Count


def gp_conv_cnp(
    *,
    points_per_unit: float = 16.0,
    margin: float = 1.0,
    channels: int = 64,
    kernel: int = 5,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 1),
    floor: float = 0.0,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    steps: int = 30_000,
) -> Experiment:
    """A convolutional CNP on curves from a Gaussian process.

    Args:
        points_per_unit: Of the grid; the curves' length-scale is 0.4.
        margin: How far the grid goes on beyond the curves, which lie from -2 to 2.
        channels: Of the grid's function.
        kernel: Places of every convolution.
        dilations: Of the trunk's blocks, one for each.
        floor: Least standard deviation of a prediction.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = ConvCNP(
        points_per_unit=points_per_unit,
        margin=margin,
        channels=channels,
        kernel=kernel,
        dilations=dilations,
        floor=floor,
    )
    return curves_experiment(
        learner,
        predicts_support=floor > 0,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )


def omniglot_completion_conv_cnp(
    *,
    split: Split = "lake",
    channels: int = 64,
    blocks: int = 5,
    kernel: int = 5,
    likelihood: Likelihood = "bernoulli",
    floor: float = 0.1,
    support: Count = (1, 300),
    jitter: bool = True,
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 6_000,
) -> Experiment:
    """A convolutional CNP that completes Omniglot's drawings, pixel by pixel.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        channels: Of all layers.
        blocks: Of the trunk.
        kernel: Pixels along a side of its convolutions.
        likelihood: Ink as a normal number, or as the chance of a black pixel.
        floor: Least standard deviation of a normal prediction.
        support: Pixels that are given, drawn for each step; all others are asked for.
        jitter: Turn, shift and scale every training image a little.
        tasks_per_step: Images in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return completion_experiment(
        GridConvCNP(grid=(28, 28), channels=channels, blocks=blocks, kernel=kernel, likelihood=likelihood, floor=floor),
        characters(split, rotations=True),
        support=support,
        queries=None,
        jitter=jitter,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )


def glyphs_completion_conv_cnp(
    *,
    channels: int = 64,
    blocks: int = 5,
    kernel: int = 5,
    likelihood: Likelihood = "bernoulli",
    floor: float = 0.1,
    support: Count = (1, 300),
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 6_000,
) -> Experiment:
    """The same on generated characters, new ones in every step: no data set needed.

    Args:
        channels: Of all layers.
        blocks: Of the trunk.
        kernel: Pixels along a side of its convolutions.
        likelihood: Ink as a normal number, or as the chance of a black pixel.
        floor: Least standard deviation of a normal prediction.
        support: Pixels that are given, drawn for each step; all others are asked for.
        tasks_per_step: Images in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return completion_experiment(
        GridConvCNP(grid=(28, 28), channels=channels, blocks=blocks, kernel=kernel, likelihood=likelihood, floor=floor),
        made_up,
        support=support,
        queries=None,
        jitter=False,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )


def folder_completion_conv_cnp(
    *,
    folder: str = "",
    size: int = 28,
    colour: bool = False,
    channels: int = 64,
    blocks: int = 5,
    kernel: int = 5,
    floor: float = 0.1,
    support: Count = (1, 300),
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 6_000,
) -> Experiment:
    """The same on a folder of pictures: CelebA's (`--size 32 --colour`), MNIST's files, your own.

    Args:
        folder: Holds the pictures, in folders of its own if so wished; a tenth of them is kept for the test.
        size: Side in pixels to which each picture's middle square is averaged.
        colour: Red, green and blue; else grey.
        channels: Of all layers.
        blocks: Of the trunk.
        kernel: Pixels along a side of its convolutions.
        floor: Least standard deviation of a prediction.
        support: Pixels that are given, drawn for each step; all others are asked for.
        tasks_per_step: Images in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return completion_experiment(
        GridConvCNP(
            3 if colour else 1, grid=(size, size), channels=channels, blocks=blocks, kernel=kernel, floor=floor
        ),
        folder_of(folder, size, colour=colour),
        contents=contents_of(folder, size, colour=colour),
        size=size,
        support=support,
        queries=None,
        jitter=False,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )
