"""Convolutional Conditional Neural Processes: Gordon et al. (2020), curves as in section 5.1, images as in 5.4."""

from dataclasses import dataclass

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import ConvCNP, GridConvCNP
from quickstudy.networks.value_head import Likelihood
from quickstudy.recipes._completion import completion_experiment
from quickstudy.recipes._functions import curves_experiment, function_optimisation
from quickstudy.sources import (
    Split,
    drawings_to_complete,
    glyphs_to_complete,
    picture_contents,
    pictures_to_complete,
)
from quickstudy.tasks import Count


def gp_conv_cnp(
    *,
    points_per_unit: float = 16.0,
    margin: float = 1.0,
    channels: int = 64,
    kernel: int = 5,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 1),
    floor: float = 0.0,
    optimisation: Optimisation = function_optimisation(steps=30_000),
) -> Experiment:
    """A convolutional CNP on curves from a Gaussian process.

    Args:
        points_per_unit: Grid points in a unit of the input; the curves' length-scale is 0.4.
        margin: How far the grid extends beyond the curves, which lie from -2 to 2.
        channels: Channels of the function on the grid.
        kernel: Grid points of each convolution.
        dilations: Dilation of each block of the trunk.
        floor: Smallest standard deviation of a prediction.
        optimisation: Optimiser and schedule.
    """
    learner = ConvCNP(
        points_per_unit=points_per_unit,
        margin=margin,
        channels=channels,
        kernel=kernel,
        dilations=dilations,
        floor=floor,
    )
    return curves_experiment(learner, optimisation, predicts_support=floor > 0)


@dataclass(frozen=True, kw_only=True)
class GridNetwork:
    """The network of a convolutional process on pixels."""

    channels: int = 64
    """Channels of all layers."""
    blocks: int = 5
    """Blocks of the trunk."""
    kernel: int = 5
    """Pixels along a side of its convolutions."""
    floor: float = 0.1
    """Smallest standard deviation of a normal prediction."""

    def build(self, outputs: int = 1, *, size: int = 28, likelihood: Likelihood) -> GridConvCNP:
        """A learner of images.

        Args:
            outputs: Numbers of a pixel.
            size: Side of an image in pixels.
            likelihood: Distribution of a pixel.
        """
        return GridConvCNP(outputs, grid=(size, size), likelihood=likelihood, **vars(self))


_COMPLETION = function_optimisation(steps=6_000, tasks_per_step=16)


def omniglot_completion_conv_cnp(
    *,
    split: Split = "lake",
    likelihood: Likelihood = "bernoulli",
    support: Count = (1, 300),
    jitter: bool = True,
    network: GridNetwork = GridNetwork(),
    optimisation: Optimisation = _COMPLETION,
) -> Experiment:
    """A convolutional CNP that completes Omniglot's drawings, pixel by pixel.

    Args:
        split: Characters to train on. Those of lake are unseen in the tests of both splits.
        likelihood: Ink as a normal variable, or as the probability of a black pixel.
        support: Pixels in the support: one number, or a range to draw from in each step. All others are predicted.
        jitter: Turn, shift and scale each training image a little.
        network: The convolutional network.
        optimisation: Optimiser and schedule.
    """
    learner = network.build(likelihood=likelihood)
    return completion_experiment(learner, drawings_to_complete(split), optimisation, support=support, jitter=jitter)


def glyphs_completion_conv_cnp(
    *,
    likelihood: Likelihood = "bernoulli",
    support: Count = (1, 300),
    network: GridNetwork = GridNetwork(),
    optimisation: Optimisation = _COMPLETION,
) -> Experiment:
    """A convolutional CNP that completes generated characters, new ones in each step. No data set is needed.

    Args:
        likelihood: Ink as a normal variable, or as the probability of a black pixel.
        support: Pixels in the support: one number, or a range to draw from in each step. All others are predicted.
        network: The convolutional network.
        optimisation: Optimiser and schedule.
    """
    return completion_experiment(
        network.build(likelihood=likelihood), glyphs_to_complete, optimisation, support=support
    )


def folder_completion_conv_cnp(
    *,
    folder: str = "",
    size: int = 28,
    colour: bool = False,
    support: Count = (1, 300),
    network: GridNetwork = GridNetwork(),
    optimisation: Optimisation = _COMPLETION,
) -> Experiment:
    """A convolutional CNP that completes the pictures of a folder: CelebA (`--size 32 --colour`), MNIST, your own.

    Args:
        folder: Folder of pictures, in sub-folders or not; a tenth of the pictures is kept for the test.
        size: Side in pixels; the middle square of each picture is averaged to it.
        colour: Read red, green and blue; switched off, grey.
        support: Pixels in the support: one number, or a range to draw from in each step. All others are predicted.
        network: The convolutional network.
        optimisation: Optimiser and schedule.
    """
    return completion_experiment(
        network.build(3 if colour else 1, size=size, likelihood="normal"),
        pictures_to_complete(folder, size, colour=colour),
        optimisation,
        contents=picture_contents(folder, size, colour=colour),
        size=size,
        support=support,
    )
