"""Motor programs of invented characters: pen strokes, where they meet, and the frame of the ink.

A stroke is a chain of arcs of constant curvature: straight lines, bends, loops.

Shape suffixes: C classes, S strokes, K arcs of a stroke. Angles are in radians, and y points down.
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

MAX_STROKES, MAX_ARCS = 4, 5
# How likely 1, 2, 3, 4 strokes are, and per number of strokes, how likely 1 to 5 arcs in each of them are.
STROKE_COUNT_WEIGHTS = (0.28, 0.33, 0.23, 0.16)
ARC_COUNT_WEIGHTS = (
    (0.04, 0.22, 0.30, 0.26, 0.18),
    (0.24, 0.30, 0.24, 0.14, 0.08),
    (0.42, 0.32, 0.18, 0.06, 0.02),
    (0.52, 0.30, 0.13, 0.04, 0.01),
)
# How often a pen moves right, right-down, down, and so on round to right-up; and by how many eighths of a
# circle it turns at a corner where it would otherwise go straight on.
DIRECTION_WEIGHTS = (0.26, 0.09, 0.28, 0.11, 0.09, 0.03, 0.06, 0.08)
TURN_WEIGHTS = (0.0, 0.1, 0.3, 0.1, 0.04, 0.1, 0.3, 0.06)
# How many strokes never, half of the time and always have a habit. The habits: arcs bend, joins are smooth,
# bends alternate in sense.
BEND_WEIGHTS, SMOOTH_WEIGHTS, ALTERNATE_WEIGHTS = (0.32, 0.40, 0.28), (0.35, 0.30, 0.35), (0.40, 0.35, 0.25)
# How far a bend turns: bow, half circle, hook, closed loop; and how likely each is.
BEND_RANGES = ((0.7, 1.9), (1.9, 3.5), (3.5, 5.4), (5.7, 7.0))
BEND_RANGE_WEIGHTS = (0.36, 0.44, 0.10, 0.10)
BEND_RADIUS, LINE_LENGTH, DOT_LENGTH = 0.22, 0.55, 0.07
# Spread of directions, and of the logarithm of lengths, within and between strokes.
DIRECTION_SPREAD, ARC_SPREAD, STROKE_SPREAD = 0.14, 0.40, 0.25
# That a stroke after the first is a dot or short tick; repeats the one before, half of the time mirrored.
DOT_PROBABILITY, REPEAT_PROBABILITY = 0.10, 0.18
# A later stroke meets an earlier one end to end, end to somewhere along, crosses it, or stands apart.
RELATION_WEIGHTS = (0.30, 0.36, 0.16, 0.18)
APART_NEAREST, APART_SPAN = 0.15, 0.35
# The frame of the ink: logarithms of width against height and of the longer side, and the centre's x and y.
FRAME, FRAME_SPREAD = (-0.10, -0.45, 0.48, 0.47), (0.15, 0.15, 0.015, 0.015)


class Programs(NamedTuple):
    """Motor programs of C classes."""

    arcs: Tensor
    """(C, S, K, 3): direction in which an arc begins, angle by which it turns, length (0 where there is no arc)."""
    parents: Tensor
    """(C, S): the earlier stroke by which a stroke is placed."""
    fractions: Tensor
    """(C, S, 2): how far along its parent, and along itself, a stroke meets it."""
    offsets: Tensor
    """(C, S, 2): from the parent's point to the stroke's own."""
    frames: Tensor
    """(C, 4), of the ink: logarithms of the ratio of width and height and of the longer side, and its centre x, y."""


def draft(num_classes: int, generator: Generator) -> Programs:
    """Invent motor programs, cluttered ones among them.

    Args:
        num_classes: Classes C.
        generator: Source of randomness, whose device is used.
    """
    strokes = (num_classes, MAX_STROKES)
    relation = _choose(RELATION_WEIGHTS, strokes, generator)
    at_end = (uniform((*strokes, 2), generator) < 0.5).float()
    along = uniform((*strokes, 2), generator)
    on_parent = torch.where(relation == 0, at_end[..., 0], along[..., 0])
    on_itself = torch.where(relation <= 1, at_end[..., 1], 0.25 + 0.5 * along[..., 1])
    distance = (relation == 3) * (APART_NEAREST + APART_SPAN * uniform(strokes, generator))
    return Programs(
        arcs=_sample_arcs(num_classes, generator),
        parents=(uniform(strokes, generator) * torch.arange(MAX_STROKES, device=generator.device)).long(),
        fractions=torch.stack([on_parent, on_itself], -1),
        offsets=polar(math.tau * uniform(strokes, generator), distance),
        frames=spread(FRAME_SPREAD, num_classes, generator) + torch.tensor(FRAME, device=generator.device),
    )


def _sample_arcs(num_classes: int, generator: Generator) -> Tensor:
    """Heading, turn and length of every arc, (C, S, K, 3)."""
    device = generator.device
    shape = (num_classes, MAX_STROKES, MAX_ARCS)
    stroke_counts_C = _choose(STROKE_COUNT_WEIGHTS, (num_classes,), generator)
    weights = torch.tensor(ARC_COUNT_WEIGHTS, device=device)[stroke_counts_C]
    arc_counts_CS = torch.multinomial(weights, MAX_STROKES, replacement=True, generator=generator)
    stroke_S, arc_K = torch.arange(MAX_STROKES, device=device), torch.arange(MAX_ARCS, device=device)
    dots_CS = (uniform(shape[:2], generator) < DOT_PROBABILITY) & (stroke_S > 0)
    exists = arc_K <= (arc_counts_CS * ~dots_CS)[..., None]
    turns = _sample_turns(shape, generator)
    lengths = torch.where(turns == 0, LINE_LENGTH, BEND_RADIUS * turns.abs())
    lengths = torch.where(dots_CS[..., None], DOT_LENGTH, lengths) * exists
    spread = STROKE_SPREAD * normal((*shape[:2], 1), generator) + ARC_SPREAD * normal(shape, generator)
    arcs = torch.stack([_sample_headings(turns, generator), turns, lengths * spread.exp()], -1)
    _repeat_strokes(arcs, generator)
    arcs[..., 2] *= (stroke_S <= stroke_counts_C[:, None])[..., None]
    return arcs


def _repeat_strokes(arcs: Tensor, generator: Generator) -> None:
    """Let some strokes repeat the one before, in place, as it is or mirrored left to right."""
    repeats_CS = uniform(tuple(arcs.shape[:2]), generator)
    for stroke in range(1, MAX_STROKES):
        chance = repeats_CS[:, stroke, None, None]
        heading, turn, length = arcs[:, stroke - 1].unbind(-1)
        mirrored = torch.stack([math.pi - heading, -turn, length], -1)
        repeated = torch.where(chance < REPEAT_PROBABILITY / 2, mirrored, arcs[:, stroke - 1])
        arcs[:, stroke] = torch.where(chance < REPEAT_PROBABILITY, repeated, arcs[:, stroke])


def _sample_turns(shape: tuple[int, int, int], generator: Generator) -> Tensor:
    """How far each arc turns, zero for a line, (C, S, K)."""
    bends = _sample_habit(BEND_WEIGHTS, shape, generator)
    ranges = torch.tensor(BEND_RANGES, device=generator.device)
    low, high = ranges[_choose(BEND_RANGE_WEIGHTS, shape, generator)].unbind(-1)
    backwards = _sample_habit(ALTERNATE_WEIGHTS, shape, generator).cumsum(-1) % 2
    backwards = (backwards + (uniform((*shape[:2], 1), generator) < 0.5)) % 2
    return bends * (low + (high - low) * uniform(shape, generator)) * (1 - 2 * backwards)


def _sample_headings(turns: Tensor, generator: Generator) -> Tensor:
    """Direction in which each arc begins: on from the last one, or so that its chord goes a liked way."""
    shape = tuple(turns.shape)
    liked = _choose(DIRECTION_WEIGHTS, shape, generator)
    corner = _choose(TURN_WEIGHTS, shape, generator)
    smooth = _sample_habit(SMOOTH_WEIGHTS, shape, generator)
    # A line that runs on smoothly from a line would be one line: it turns a corner.
    smooth[..., 1:] &= (turns[..., 1:] != 0) | (turns[..., :-1] != 0)
    noise = DIRECTION_SPREAD * normal(shape, generator) - turns / 2
    eighth = math.tau / len(DIRECTION_WEIGHTS)
    headings = [liked[..., 0] * eighth + noise[..., 0]]
    for arc in range(1, MAX_ARCS):
        liked[..., arc] += corner[..., arc] * (liked[..., arc] == liked[..., arc - 1])
        onward = headings[-1] + turns[..., arc - 1]
        headings.append(torch.where(smooth[..., arc], onward, liked[..., arc] * eighth + noise[..., arc]))
    return torch.stack(headings, -1)


def _sample_habit(weights: tuple[float, ...], shape: tuple[int, ...], generator: Generator) -> Tensor:
    """A yes or no per arc, (C, S, K)."""
    return uniform(shape, generator) < _choose(weights, shape[:2], generator)[..., None] / 2


def _choose(weights: tuple[float, ...], shape: tuple[int, ...], generator: Generator) -> Tensor:
    bounds = torch.tensor(weights, device=generator.device).cumsum(0)
    return torch.bucketize(uniform(shape, generator) * bounds[-1], bounds[:-1], right=True)


def polar(angle: Tensor, length: Tensor) -> Tensor:
    """The vectors (..., 2) of these directions and lengths.

    Args:
        angle: Directions.
        length: Lengths.
    """
    return torch.stack([length * angle.cos(), length * angle.sin()], -1)


def uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Uniform numbers from 0 to 1.

    Args:
        shape: Shape of the result.
        generator: Source of randomness, whose device is used.
    """
    return torch.rand(shape, generator=generator, device=generator.device)


def normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Standard normal numbers.

    Args:
        shape: Shape of the result.
        generator: Source of randomness, whose device is used.
    """
    return torch.randn(shape, generator=generator, device=generator.device)


def spread(deviations: tuple[float, ...], rows: int, generator: Generator) -> Tensor:
    """Normal numbers of mean zero, (rows, number of deviations).

    Args:
        deviations: Standard deviation of each column.
        rows: Number of rows.
        generator: Source of randomness, whose device is used.
    """
    return torch.tensor(deviations, device=generator.device) * normal((rows, len(deviations)), generator)
