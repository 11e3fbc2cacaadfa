"""Handwritten-like characters without end, drawn by random motor programs.

The idea, a character as a program of pen strokes and a drawing as one noisy run of it, is of Lake,
Salakhutdinov & Tenenbaum, "Human-level concept learning through probabilistic program induction",
Science 350 (2015), https://doi.org/10.1126/science.aab3050. The grammar of strokes here is our own.

A stroke is a chain of arcs of constant curvature (straight lines, bends, loops), so the place of the pen
after any length of ink is known in closed form, and thousands of drawings are traced and inked at once.

Shape suffixes: C classes, E drawings (examples) of a class, S strokes, K arcs of a stroke, P points,
H and W the image. Lengths are in units of the unscaled character, angles in radians with y pointing down.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

MAX_STROKES = 4
MAX_ARCS = 5
POINTS = 128  # places of the pen on one drawing, shared by its strokes according to their lengths
BATCH = 512  # drawings inked at once, so that memory stays small

# How likely 1, 2, 3, 4 strokes are, and per number of strokes, how likely 1 to 5 arcs in each of them are.
STROKE_COUNT_WEIGHTS = (0.32, 0.35, 0.20, 0.13)
ARC_COUNT_WEIGHTS = (
    (0.04, 0.22, 0.30, 0.26, 0.18),
    (0.24, 0.30, 0.24, 0.14, 0.08),
    (0.42, 0.32, 0.18, 0.06, 0.02),
    (0.52, 0.30, 0.13, 0.04, 0.01),
)
# How readily a hand moves right, right-down, down, and so on round to right-up.
DIRECTION_WEIGHTS = (0.26, 0.09, 0.28, 0.11, 0.09, 0.03, 0.06, 0.08)
DIRECTION_SPREAD = 0.14
# By how many eighths of a circle the hand turns at a corner where it would otherwise go straight on.
TURN_WEIGHTS = (0.0, 0.1, 0.3, 0.1, 0.04, 0.1, 0.3, 0.06)
# A stroke is all of one habit (first two weights: never, always) or mixes (third weight) in each of three
# respects: its arcs bend, its joins are smooth, its bends alternate in sense.
BEND_WEIGHTS = (0.32, 0.28, 0.40)
SMOOTH_WEIGHTS = (0.35, 0.35, 0.30)
ALTERNATE_WEIGHTS = (0.40, 0.25, 0.35)
# Ranges of how far a bend turns: bow, half circle, hook, closed loop; and how likely each is.
BEND_RANGES = ((0.7, 1.9), (1.9, 3.5), (3.5, 5.4), (5.7, 7.0))
BEND_RANGE_WEIGHTS = (0.36, 0.44, 0.10, 0.10)
BEND_RADIUS = 0.22
LINE_LENGTH = 0.55
LENGTH_SPREAD = 0.40  # of the logarithm, between the arcs of a stroke
STROKE_SPREAD = 0.25  # of the logarithm, between the strokes of a character
SQUASH_SPREAD = 0.18  # of the logarithm of a stroke's width against its height
DOT_PROBABILITY = 0.10  # that a stroke after the first is a dot or short tick
DOT_LENGTH = 0.07
COPY_PROBABILITY = 0.18  # that a stroke repeats the one before, half of the time mirrored
# A later stroke meets an earlier one end to end, end to somewhere along, crosses it, or stands apart.
RELATION_WEIGHTS = (0.30, 0.36, 0.16, 0.18)
APART_DISTANCE = (0.15, 0.50)
EXTENT_MEAN, EXTENT_SPREAD, EXTENT_RANGE = 0.63, 0.10, (0.25, 0.80)  # longer side of the ink, in image sides

# How one drawing differs from the program: standard deviations.
LENGTH_JITTER = 0.16  # logarithm of an arc's length
HEADING_JITTER = 0.11
SWEEP_JITTER = 0.10  # share of the bend
LINE_BOW_JITTER = 0.12  # radians by which a line is not straight
STROKE_OFFSET_JITTER = 0.035
STROKE_SCALE_JITTER = 0.10
ROTATION_JITTER = 0.06
SLANT_JITTER = 0.13
ASPECT, ASPECT_JITTER = -0.10, 0.10  # logarithm of width against height
EXTENT_JITTER = 0.12
CENTRE, CENTRE_SPREAD, CENTRE_JITTER = (0.48, 0.47), 0.015, 0.045
WARP_WAVES, WARP_FREQUENCY, WARP_JITTER = 2, 5.0, 0.02  # slow waves that bend the whole drawing
MARGIN = 0.03  # kept free round the ink, in image sides

# The pen, in image sides: how much ink it lays (a stroke's width were it black), and how far a dab reaches.
PEN_WIDTH, PEN_WIDTH_JITTER = 0.050, 0.10
PEN_REACH = 0.045


class Programs(NamedTuple):
    """Motor programs of C classes."""

    headings: Tensor  # (C, S, K) direction of the pen as an arc begins
    sweeps: Tensor  # (C, S, K) how far an arc turns
    lengths: Tensor  # (C, S, K) zero for the arcs a stroke lacks
    squashes: Tensor  # (C, S, 2) width and height of a stroke against those its arcs make
    parents: Tensor  # (C, S) the earlier stroke a stroke is placed by
    parent_fractions: Tensor  # (C, S) how far along the parent
    own_fractions: Tensor  # (C, S) how far along the stroke itself is the point placed there
    offsets: Tensor  # (C, S, 2) from the parent's point to the stroke's own
    extents: Tensor  # (C,) longer side of the ink, in image sides
    centres: Tensor  # (C, 2) of the ink, in image sides


def load(num_classes: int = 200, num_drawings: int = 20, seed: int = 0, size: int = 28) -> Tensor:
    """Return the glyphs of a seed, (C, E, H, W) uint8, ink 255 on 0."""
    return sample(num_classes, num_drawings, Generator().manual_seed(seed), size)


def sample(num_classes: int, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Invent classes and draw each several times, (C, E, H, W) uint8 on the generator's device."""
    return draw(sample_programs(num_classes, generator), num_drawings, generator, size)


def sample_programs(num_classes: int, generator: Generator) -> Programs:
    """Invent the motor programs of so many classes."""
    _require_positive("num_classes", num_classes)
    stroke_counts_C = _choose(STROKE_COUNT_WEIGHTS, (num_classes,), generator) + 1
    headings, sweeps, lengths = _sample_arcs(stroke_counts_C, generator)
    parents, parent_fractions, own_fractions, offsets = _sample_relations(num_classes, generator)
    squash_CS = SQUASH_SPREAD * _normal((num_classes, MAX_STROKES), generator)
    extents_C = EXTENT_MEAN + EXTENT_SPREAD * _normal((num_classes,), generator)
    centre_2 = torch.tensor(CENTRE, device=generator.device)
    return Programs(
        headings,
        sweeps,
        lengths,
        torch.stack([squash_CS, -squash_CS], -1).exp(),
        parents,
        parent_fractions,
        own_fractions,
        offsets,
        extents_C.clamp(*EXTENT_RANGE),
        centre_2 + CENTRE_SPREAD * _normal((num_classes, 2), generator),
    )


def draw(programs: Programs, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Run each program so many times, (C, E, H, W) uint8 on the generator's device."""
    _require_positive("num_drawings", num_drawings)
    _require_positive("size", size)
    num_classes = len(programs.lengths)
    points_NP2, spacing_NP = _trace(_jitter(programs, num_drawings, generator), generator)
    pen_N = PEN_WIDTH * (PEN_WIDTH_JITTER * _normal((len(points_NP2),), generator)).exp()
    batches = (torch.split(part, BATCH) for part in (points_NP2, spacing_NP, pen_N))
    images = torch.cat(
        [_ink(points, spacing, pen, size) for points, spacing, pen in zip(*batches, strict=True)]
    )
    return images.view(num_classes, num_drawings, size, size)


def _sample_arcs(stroke_counts_C: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Headings, sweeps and lengths of every arc, (C, S, K) each; length zero where there is none."""
    device = generator.device
    strokes = (len(stroke_counts_C), MAX_STROKES)
    arcs = (*strokes, MAX_ARCS)
    weights = torch.tensor(ARC_COUNT_WEIGHTS, device=device)[stroke_counts_C - 1]
    arc_counts = torch.multinomial(weights, MAX_STROKES, replacement=True, generator=generator) + 1
    sweeps = _sample_sweeps(arcs, generator)
    radius_or_length = torch.where(sweeps == 0, LINE_LENGTH, BEND_RADIUS * sweeps.abs())
    stroke_scales = STROKE_SPREAD * _normal((*strokes, 1), generator)
    scales = (stroke_scales + LENGTH_SPREAD * _normal(arcs, generator)).exp()
    lengths = radius_or_length * scales
    headings = _sample_headings(sweeps, generator)

    first = torch.arange(MAX_STROKES, device=device) == 0
    dots = (_uniform(strokes, generator) < DOT_PROBABILITY) & ~first
    arc_counts = torch.where(dots, 1, arc_counts)
    lengths = torch.where(dots[..., None], DOT_LENGTH * scales, lengths)
    exists = torch.arange(MAX_ARCS, device=device) < arc_counts[..., None]
    lengths = lengths * exists
    headings, sweeps, lengths = _repeat_strokes(headings, sweeps, lengths, generator)
    present = torch.arange(MAX_STROKES, device=device) < stroke_counts_C[:, None]
    return headings, sweeps, lengths * present[..., None]


def _sample_sweeps(arcs: tuple[int, int, int], generator: Generator) -> Tensor:
    """How far each arc turns, zero for a line, (C, S, K)."""
    bends = _sample_habits(BEND_WEIGHTS, arcs, generator)
    kinds = _choose(BEND_RANGE_WEIGHTS, arcs, generator)
    low, high = torch.tensor(BEND_RANGES, device=generator.device)[kinds].unbind(-1)
    turns = low + (high - low) * _uniform(arcs, generator)
    alternates = _sample_habits(ALTERNATE_WEIGHTS, arcs, generator).cumsum(-1) % 2
    return torch.where(bends, turns * (1 - 2 * alternates), 0.0)


def _sample_headings(sweeps_CSK: Tensor, generator: Generator) -> Tensor:
    """Direction in which each arc begins: on from the last one, or so that its chord goes a liked way."""
    arcs = sweeps_CSK.shape
    liked = _choose(DIRECTION_WEIGHTS, arcs, generator)
    turns = _choose(TURN_WEIGHTS, arcs, generator)
    for arc in range(1, MAX_ARCS):
        goes_on = liked[..., arc] == liked[..., arc - 1]
        liked[..., arc] += goes_on * turns[..., arc]
    chords = liked * (math.tau / len(DIRECTION_WEIGHTS)) + DIRECTION_SPREAD * _normal(arcs, generator)
    smooth = _sample_habits(SMOOTH_WEIGHTS, arcs, generator)
    # A line that runs on smoothly from a line would be one line: it turns a corner.
    smooth[..., 1:] &= (sweeps_CSK[..., 1:] != 0) | (sweeps_CSK[..., :-1] != 0)
    headings = [(chords - sweeps_CSK / 2)[..., 0]]
    for arc in range(1, MAX_ARCS):
        onward = headings[-1] + sweeps_CSK[..., arc - 1]
        headings.append(torch.where(smooth[..., arc], onward, (chords - sweeps_CSK / 2)[..., arc]))
    return torch.stack(headings, -1)


def _repeat_strokes(
    headings: Tensor, sweeps: Tensor, lengths: Tensor, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Let some strokes repeat the one before them, as it is or mirrored left to right."""
    chance = _uniform(tuple(lengths.shape[:2]), generator)
    for stroke in range(1, MAX_STROKES):
        repeats = (chance[:, stroke] < COPY_PROBABILITY)[:, None]
        mirrored = (chance[:, stroke] < COPY_PROBABILITY / 2)[:, None]
        before = headings[:, stroke - 1], sweeps[:, stroke - 1]
        heading = torch.where(mirrored, math.pi - before[0], before[0])
        sweep = torch.where(mirrored, -before[1], before[1])
        headings[:, stroke] = torch.where(repeats, heading, headings[:, stroke])
        sweeps[:, stroke] = torch.where(repeats, sweep, sweeps[:, stroke])
        lengths[:, stroke] = torch.where(repeats, lengths[:, stroke - 1], lengths[:, stroke])
    return headings, sweeps, lengths


def _sample_relations(num_classes: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where each stroke goes: its parent, the fractions along both that meet, and the offset between."""
    strokes = (num_classes, MAX_STROKES)
    earlier = torch.arange(MAX_STROKES, device=generator.device)
    parents = (_uniform(strokes, generator) * earlier).long()
    relation = _choose(RELATION_WEIGHTS, strokes, generator)
    ends_parent, ends_own = (_uniform((2, *strokes), generator) < 0.5).float()
    along_parent, along_own = _uniform((2, *strokes), generator)
    parent_fractions = torch.where(relation == 0, ends_parent, along_parent)
    own_fractions = torch.where(relation <= 1, ends_own, 0.25 + 0.5 * along_own)
    near, far = APART_DISTANCE
    distance = torch.where(relation == 3, near + (far - near) * _uniform(strokes, generator), 0.0)
    angle = math.tau * _uniform(strokes, generator)
    offsets = distance[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    return parents, parent_fractions, own_fractions, offsets


def _jitter(programs: Programs, num_drawings: int, generator: Generator) -> Programs:
    """One noisy program per drawing: the N = C·E drawings take the place of the classes."""
    noisy = Programs(*(field.repeat_interleave(num_drawings, 0) for field in programs))
    arcs, strokes = noisy.lengths.shape, noisy.parents.shape
    by_length, by_heading, by_sweep = _normal((3, *arcs), generator)
    bow = torch.where(noisy.sweeps == 0, LINE_BOW_JITTER, SWEEP_JITTER * noisy.sweeps) * by_sweep
    stroke_scale = (STROKE_SCALE_JITTER * _normal((*strokes, 1), generator)).exp()
    return noisy._replace(
        # Half of what a bend turns too far is taken back at its start: the chord keeps its direction.
        headings=noisy.headings + HEADING_JITTER * by_heading - bow / 2,
        sweeps=noisy.sweeps + bow,
        lengths=noisy.lengths * (LENGTH_JITTER * by_length).exp() * stroke_scale,
        offsets=noisy.offsets + STROKE_OFFSET_JITTER * _normal((*strokes, 2), generator),
        extents=noisy.extents * (EXTENT_JITTER * _normal(tuple(noisy.extents.shape), generator)).exp(),
        centres=noisy.centres + CENTRE_JITTER * _normal(tuple(noisy.centres.shape), generator),
    )


def _trace(programs: Programs, generator: Generator) -> tuple[Tensor, Tensor]:
    """Points at even steps along the ink of each drawing, in image sides, and the length each stands for."""
    lengths = programs.lengths
    arc_ends = lengths.flatten(1).cumsum(-1)
    total_N1 = arc_ends[:, -1:]
    middle_P = (torch.arange(POINTS, device=lengths.device) + 0.5) / POINTS
    along_NP = total_N1 * middle_P
    arc_NP = torch.searchsorted(arc_ends, along_NP).clamp(max=arc_ends.shape[1] - 1)
    length, heading, sweep, end = (
        field.gather(1, arc_NP)
        for field in (lengths.flatten(1), programs.headings.flatten(1), programs.sweeps.flatten(1), arc_ends)
    )
    step_NP2 = _displacement(heading, sweep, length, along_NP - (end - length))
    stroke_NP2 = (arc_NP // MAX_ARCS)[..., None].expand(-1, -1, 2)
    starts = _arc_starts(programs)
    start_NP2 = starts.flatten(1, 2).gather(1, arc_NP[..., None].expand(-1, -1, 2))
    points = (start_NP2 + step_NP2) * programs.squashes.gather(1, stroke_NP2)
    points = points + _place_strokes(programs, starts).gather(1, stroke_NP2)
    points = _fit(_distort(points, generator), programs)
    hop_NP = (points[:, 1:] - points[:, :-1]).norm(dim=-1)
    hop_NP = torch.cat([hop_NP, hop_NP[:, -1:]], 1)
    # A hop to the next stroke is no ink: none may be much longer than the typical one.
    return points, hop_NP.minimum(1.5 * hop_NP.median(1, keepdim=True).values)


def _displacement(heading: Tensor, sweep: Tensor, length: Tensor, along: Tensor) -> Tensor:
    """Way from the start of an arc to a point so far along it: the chord of what is drawn of the arc."""
    half_turn = sweep * along / (2 * length.clamp(min=1e-6))
    chord = along * torch.sinc(half_turn / math.pi)
    direction = heading + half_turn
    return torch.stack([chord * direction.cos(), chord * direction.sin()], -1)


def _arc_starts(programs: Programs) -> Tensor:
    """Where each arc begins, from the start of its stroke, (N, S, K, 2)."""
    chords = _displacement(programs.headings, programs.sweeps, programs.lengths, programs.lengths)
    return chords.cumsum(2) - chords


def _place_strokes(programs: Programs, arc_starts: Tensor) -> Tensor:
    """Where each stroke begins, (N, S, 2)."""
    rows = torch.arange(len(arc_starts), device=arc_starts.device)
    places = torch.zeros_like(programs.offsets)
    for stroke in range(1, MAX_STROKES):
        parent = programs.parents[:, stroke]
        there = _point_along(programs, rows, parent, programs.parent_fractions[:, stroke])
        own = torch.full_like(parent, stroke)
        here = _point_along(programs, rows, own, programs.own_fractions[:, stroke])
        places[:, stroke] = places[rows, parent] + there + programs.offsets[:, stroke] - here
    return places


def _point_along(programs: Programs, rows: Tensor, stroke: Tensor, fraction: Tensor) -> Tensor:
    """Point at a fraction of one stroke of each drawing, from the start of that stroke, (N, 2)."""
    lengths = programs.lengths[rows, stroke]
    ends = lengths.cumsum(-1)
    along = (fraction[:, None] * ends[:, -1:] - (ends - lengths)).clamp(min=0).minimum(lengths)
    steps = _displacement(programs.headings[rows, stroke], programs.sweeps[rows, stroke], lengths, along)
    return steps.sum(1) * programs.squashes[rows, stroke]


def _distort(points_NP2: Tensor, generator: Generator) -> Tensor:
    """Turn, slant and stretch each drawing, and bend it by slow waves."""
    rotation, slant, stretch = _normal((3, len(points_NP2)), generator)
    angle, stretch = ROTATION_JITTER * rotation, (ASPECT + ASPECT_JITTER * stretch).exp()
    cos, sin = angle.cos(), angle.sin()
    shear = SLANT_JITTER * slant
    matrix = torch.stack([stretch * cos, stretch * sin, shear * cos - sin, shear * sin + cos], -1)
    points = points_NP2 @ matrix.view(-1, 2, 2)
    waves = (len(points), 2, WARP_WAVES)
    start = math.tau * _uniform((len(points), 1, WARP_WAVES), generator)
    phase = points @ (WARP_FREQUENCY * _normal(waves, generator)) + start
    return points + phase.sin() @ (WARP_JITTER * _normal((len(points), WARP_WAVES, 2), generator))


def _fit(points_NP2: Tensor, programs: Programs) -> Tensor:
    """Scale the ink of each drawing to its extent and put it at its centre, all inside the frame."""
    low, high = points_NP2.amin(1, keepdim=True), points_NP2.amax(1, keepdim=True)
    extent = programs.extents.clamp(max=1 - 2 * MARGIN)[:, None, None]
    scale = extent / (high - low).amax(-1, keepdim=True).clamp(min=1e-6)
    half = (high - low) * scale / 2
    centre = programs.centres[:, None].maximum(half + MARGIN).minimum(1 - MARGIN - half)
    return (points_NP2 - (low + high) / 2) * scale + centre


def _ink(points_NP2: Tensor, spacing_NP: Tensor, pen_N: Tensor, size: int) -> Tensor:
    """Dab a pen at every point, (N, H, W) uint8; ink laid over ink gets no darker than ink."""
    pixel_W = (torch.arange(size, device=points_NP2.device) + 0.5) / size
    dabs = (points_NP2.transpose(1, 2) / PEN_REACH)[..., None] - pixel_W / PEN_REACH
    # (1 - d²)² along each axis: nearly a Gaussian, but of finite reach and without the exponential.
    rows, columns = dabs.square_().clamp_(max=1).sub_(1).square_().unbind(1)[::-1]
    area_of_dab = (16 / 15 * PEN_REACH) ** 2
    rows = rows.mul_((spacing_NP * pen_N[:, None] / area_of_dab)[..., None])
    return (rows.transpose(1, 2) @ columns).clamp_(max=1).mul_(255).round_().to(torch.uint8)


def _sample_habits(weights: tuple[float, ...], arcs: tuple[int, ...], generator: Generator) -> Tensor:
    """A yes or no per arc: the same throughout a stroke of firm habit, even odds in a mixed one."""
    habit = _choose(weights, arcs[:2], generator)[..., None]
    return torch.where(habit == 2, _uniform(arcs, generator) < 0.5, habit == 1)


def _choose(weights: tuple[float, ...], shape: tuple[int, ...], generator: Generator) -> Tensor:
    chances = torch.tensor(weights, device=generator.device)
    return torch.multinomial(chances, math.prod(shape), replacement=True, generator=generator).view(shape)


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}, but glyphs need at least 1; pass {name}=1 or more")
