"""Handwritten-like characters without end, drawn by random motor programs.

The idea, a character as a program of pen strokes and a drawing as one noisy run of it, is of Lake,
Salakhutdinov & Tenenbaum, "Human-level concept learning through probabilistic program induction",
Science 350 (2015), https://doi.org/10.1126/science.aab3050. The grammar of strokes here is our own.

A stroke is a chain of arcs of constant curvature (straight lines, bends, loops), so the place of the pen
after any length of ink is known in closed form, and thousands of drawings are traced and inked at once.

Shape suffixes: C classes, E drawings (examples) of a class, N = C·E, S strokes, K arcs of a stroke, P points,
H and W the image. Angles are in radians, y points down, and once fitted the ink is in sides of the image.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor

MAX_STROKES, MAX_ARCS = 4, 5
POINTS = 96  # places of the pen on one drawing, shared by its strokes according to their lengths
BATCH = 256  # drawings inked at once, so that memory stays small
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
# Of the programs up to a fifth are dropped that, drawn at this size, lose more of their ink to lines over lines.
CLUTTER_SIZE, CLUTTER = 28, 0.19
# The frame of the ink: logarithms of width against height and of the longer side, and the centre's x and y.
FRAME, FRAME_SPREAD = (-0.10, -0.45, 0.48, 0.47), (0.15, 0.15, 0.015, 0.015)

# How one drawing differs from the program: standard deviations.
LENGTH_JITTER, HEADING_JITTER = 0.18, 0.12  # the first of the logarithm
SWEEP_JITTER, BOW_JITTER = 0.10, 0.12  # share of a bend; turn of what should be a line
STROKE_OFFSET_JITTER, STROKE_SCALE_JITTER = 0.04, 0.10
ROTATION_JITTER, SLANT_JITTER, FRAME_JITTER = 0.06, 0.13, (0.10, 0.12, 0.045, 0.045)
WAVES, WAVE_FREQUENCY, WAVE_JITTER = 2, 5.0, 0.02  # slow waves that bend the whole drawing
MARGIN, LONGEST = 0.03, 0.85  # kept free round the ink; longest side of it
# A stroke's width were it black, its spread (of the logarithm), and how far from the pen its edge reaches.
PEN_WIDTH, PEN_JITTER, PEN_REACH = 0.050, 0.10, 0.042


class Programs(NamedTuple):
    """Motor programs of C classes."""

    arcs: Tensor  # (C, S, K, 3) heading as the arc begins, how far it turns, length (0 where there is none)
    parents: Tensor  # (C, S) the earlier stroke by which a stroke is placed
    fractions: Tensor  # (C, S, 2) how far along its parent, and along itself, a stroke meets it
    offsets: Tensor  # (C, S, 2) from the parent's point to the stroke's own
    frames: Tensor  # (C, 4) of the ink: logarithms of aspect and longer side, centre


def load(num_classes: int = 200, num_drawings: int = 20, seed: int = 0, size: int = 28) -> Tensor:
    """Return the glyphs of a seed, (C, E, H, W) uint8, ink 255 on 0."""
    return sample(num_classes, num_drawings, Generator().manual_seed(seed), size)


def sample(num_classes: int, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Invent classes and draw each several times, (C, E, H, W) uint8 on the generator's device."""
    return draw(sample_programs(num_classes, generator), num_drawings, generator, size)


def sample_programs(num_classes: int, generator: Generator) -> Programs:
    """Invent the motor programs of so many classes."""
    _require_positive("num_classes", num_classes)
    drafts = _draft(num_classes + num_classes // 4, generator)
    inks = _lay_ink(*_trace(_jitter(drafts, 1, generator), generator), CLUTTER_SIZE)
    clutter = torch.cat([1 - ink.clamp(max=1).sum((1, 2)) / ink.sum((1, 2)) for ink in inks])
    clear_first = (clutter > CLUTTER).byte().argsort(stable=True)
    return Programs(*(field[clear_first[:num_classes]] for field in drafts))


def draw(programs: Programs, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Run each program so many times, (C, E, H, W) uint8 on the generator's device."""
    _require_positive("num_drawings", num_drawings)
    _require_positive("size", size)
    inks = _lay_ink(*_trace(_jitter(programs, num_drawings, generator), generator), size)
    images = [ink.clamp_(max=1).mul_(255).round_().to(torch.uint8) for ink in inks]
    return torch.cat(images).view(-1, num_drawings, size, size)


def _draft(num_classes: int, generator: Generator) -> Programs:
    """Programs as they come."""
    strokes = (num_classes, MAX_STROKES)
    relation = _choose(RELATION_WEIGHTS, strokes, generator)
    at_end = (_uniform((*strokes, 2), generator) < 0.5).float()
    along = _uniform((*strokes, 2), generator)
    on_parent = torch.where(relation == 0, at_end[..., 0], along[..., 0])
    on_itself = torch.where(relation <= 1, at_end[..., 1], 0.25 + 0.5 * along[..., 1])
    distance = (relation == 3) * (APART_NEAREST + APART_SPAN * _uniform(strokes, generator))
    return Programs(
        arcs=_sample_arcs(num_classes, generator),
        parents=(_uniform(strokes, generator) * torch.arange(MAX_STROKES, device=generator.device)).long(),
        fractions=torch.stack([on_parent, on_itself], -1),
        offsets=_polar(math.tau * _uniform(strokes, generator), distance),
        frames=_spread(FRAME_SPREAD, num_classes, generator) + torch.tensor(FRAME, device=generator.device),
    )


def _sample_arcs(num_classes: int, generator: Generator) -> Tensor:
    """Heading, turn and length of every arc, (C, S, K, 3)."""
    device = generator.device
    shape = (num_classes, MAX_STROKES, MAX_ARCS)
    stroke_counts_C = _choose(STROKE_COUNT_WEIGHTS, (num_classes,), generator)
    weights = torch.tensor(ARC_COUNT_WEIGHTS, device=device)[stroke_counts_C]
    arc_counts_CS = torch.multinomial(weights, MAX_STROKES, replacement=True, generator=generator)
    stroke_S, arc_K = torch.arange(MAX_STROKES, device=device), torch.arange(MAX_ARCS, device=device)
    dots_CS = (_uniform(shape[:2], generator) < DOT_PROBABILITY) & (stroke_S > 0)
    exists = arc_K <= (arc_counts_CS * ~dots_CS)[..., None]
    turns = _sample_turns(shape, generator)
    lengths = torch.where(turns == 0, LINE_LENGTH, BEND_RADIUS * turns.abs())
    lengths = torch.where(dots_CS[..., None], DOT_LENGTH, lengths) * exists
    spread = STROKE_SPREAD * _normal((*shape[:2], 1), generator) + ARC_SPREAD * _normal(shape, generator)
    arcs = torch.stack([_sample_headings(turns, generator), turns, lengths * spread.exp()], -1)
    _repeat_strokes(arcs, generator)
    arcs[..., 2] *= (stroke_S <= stroke_counts_C[:, None])[..., None]
    return arcs


def _repeat_strokes(arcs: Tensor, generator: Generator) -> None:
    """Let some strokes repeat the one before, in place, as it is or mirrored left to right."""
    repeats_CS = _uniform(tuple(arcs.shape[:2]), generator)
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
    backwards = (backwards + (_uniform((*shape[:2], 1), generator) < 0.5)) % 2
    return bends * (low + (high - low) * _uniform(shape, generator)) * (1 - 2 * backwards)


def _sample_headings(turns: Tensor, generator: Generator) -> Tensor:
    """Direction in which each arc begins: on from the last one, or so that its chord goes a liked way."""
    shape = tuple(turns.shape)
    liked = _choose(DIRECTION_WEIGHTS, shape, generator)
    corner = _choose(TURN_WEIGHTS, shape, generator)
    smooth = _sample_habit(SMOOTH_WEIGHTS, shape, generator)
    # A line that runs on smoothly from a line would be one line: it turns a corner.
    smooth[..., 1:] &= (turns[..., 1:] != 0) | (turns[..., :-1] != 0)
    noise = DIRECTION_SPREAD * _normal(shape, generator) - turns / 2
    eighth = math.tau / len(DIRECTION_WEIGHTS)
    headings = [liked[..., 0] * eighth + noise[..., 0]]
    for arc in range(1, MAX_ARCS):
        liked[..., arc] += corner[..., arc] * (liked[..., arc] == liked[..., arc - 1])
        onward = headings[-1] + turns[..., arc - 1]
        headings.append(torch.where(smooth[..., arc], onward, liked[..., arc] * eighth + noise[..., arc]))
    return torch.stack(headings, -1)


def _jitter(programs: Programs, num_drawings: int, generator: Generator) -> Programs:
    """One noisy program per drawing, N = C·E of them."""
    noisy = Programs(*(field.repeat_interleave(num_drawings, 0) for field in programs))
    heading, turn, length = noisy.arcs.unbind(-1)
    by_heading, by_turn, by_length = _normal((3, *heading.shape), generator)
    by_stroke = STROKE_SCALE_JITTER * _normal((len(heading), MAX_STROKES, 1), generator)
    # Half of what a bend turns too far is taken back at its start: the chord keeps its direction.
    extra = torch.where(turn == 0, BOW_JITTER, SWEEP_JITTER * turn) * by_turn
    heading = heading - extra / 2 + HEADING_JITTER * by_heading
    length = length * (LENGTH_JITTER * by_length + by_stroke).exp()
    return noisy._replace(
        arcs=torch.stack([heading, turn + extra, length], -1),
        offsets=noisy.offsets + STROKE_OFFSET_JITTER * _normal(tuple(noisy.offsets.shape), generator),
        frames=noisy.frames + _spread(FRAME_JITTER, len(heading), generator),
    )


def _trace(programs: Programs, generator: Generator) -> tuple[Tensor, Tensor]:
    """Points at even steps along the ink of each drawing, (N, P, 2), and the ink at each of them, (N,)."""
    arcs = programs.arcs
    chords = _chord(arcs, arcs[..., 2])
    starts = _place_strokes(programs)[:, :, None] + chords.cumsum(2) - chords
    ends_NA = arcs[..., 2].flatten(1).cumsum(1)
    length_N1 = ends_NA[:, -1:]
    along_NP = length_N1 * (torch.arange(POINTS, device=arcs.device) + 0.5) / POINTS
    arc_NP = torch.searchsorted(ends_NA, along_NP).clamp_(max=ends_NA.shape[1] - 1)
    table = torch.cat([arcs.flatten(1, 2), starts.flatten(1, 2), ends_NA[..., None]], -1)
    rows = torch.arange(len(arcs), device=arcs.device)[:, None] * table.shape[1]
    found = table.flatten(0, 1).index_select(0, (arc_NP + rows).flatten()).view(*arc_NP.shape, -1)
    points = found[..., 3:5] + _chord(found, along_NP - (found[..., 5] - found[..., 2]))
    points, scale_N1 = _fit(_distort(points, programs.frames[:, :1], generator), programs.frames)
    pen_N1 = PEN_WIDTH * (PEN_JITTER * _normal(tuple(scale_N1.shape), generator)).exp()
    return points, (pen_N1 * scale_N1 * length_N1 / POINTS)[:, 0]


def _chord(arcs: Tensor, along: Tensor) -> Tensor:
    """Way from the start of an arc, (..., 3 or more), to the point so far along it, (..., 2)."""
    half_turn = arcs[..., 1] * along / (2 * arcs[..., 2].clamp(min=1e-6))
    return _polar(arcs[..., 0] + half_turn, along * torch.sinc(half_turn / math.pi))


def _place_strokes(programs: Programs) -> Tensor:
    """Where each stroke begins, (N, S, 2), so that it meets its parent."""
    strokes_S = torch.arange(MAX_STROKES, device=programs.parents.device)
    meeting_N2S = torch.stack([programs.parents, strokes_S.expand_as(programs.parents)], 1)
    row_N = torch.arange(len(meeting_N2S), device=strokes_S.device)
    arcs = programs.arcs[row_N[:, None, None], meeting_N2S]
    ends = arcs[..., 2].cumsum(-1)
    along = programs.fractions.mT[..., None] * ends[..., -1:] - (ends - arcs[..., 2])
    on_parent, on_itself = _chord(arcs, along.clamp(min=0).minimum(arcs[..., 2])).sum(3).unbind(1)
    places = (on_parent - on_itself + programs.offsets) * (strokes_S > 0)[:, None]
    for stroke in range(1, MAX_STROKES):
        places[:, stroke] += places[row_N, programs.parents[:, stroke]]
    return places


def _distort(points_NP2: Tensor, log_aspect_N1: Tensor, generator: Generator) -> Tensor:
    """Stretch, slant and turn each drawing, and bend it by slow waves."""
    rotation, slant = _spread((ROTATION_JITTER, SLANT_JITTER), len(points_NP2), generator)[..., None].unbind(1)
    x, y = points_NP2.unbind(-1)
    x = x * log_aspect_N1.exp() + slant * y
    x, y = rotation.cos() * x - rotation.sin() * y, rotation.sin() * x + rotation.cos() * y
    for _ in range(WAVES):
        by_x, by_y, to_x, to_y = _normal((4, len(x), 1), generator)
        start = math.tau * _uniform((len(x), 1), generator)
        wave = WAVE_JITTER * (WAVE_FREQUENCY * (by_x * x + by_y * y) + start).sin()
        x, y = x + to_x * wave, y + to_y * wave
    return torch.stack([x, y], -1)


def _fit(points_NP2: Tensor, frames_N4: Tensor) -> tuple[Tensor, Tensor]:
    """Scale the ink of each drawing to its extent and put it at its centre, all inside the frame."""
    low, high = points_NP2.amin(1), points_NP2.amax(1)
    scale_N1 = frames_N4[:, 1:2].exp().clamp(max=LONGEST) / (high - low).amax(-1, keepdim=True).clamp(min=1e-6)
    half = (high - low) * scale_N1 / 2 + MARGIN
    shift = frames_N4[:, 2:].maximum(half).minimum(1 - half) - (low + high) / 2 * scale_N1
    return points_NP2 * scale_N1[..., None] + shift[:, None], scale_N1


def _lay_ink(points_NP2: Tensor, weights_N: Tensor, size: int) -> Iterator[Tensor]:
    """Dab a pen at every point: batches of images (N, H, W), more than 1 where ink lies on ink."""
    pixel_W = (torch.arange(size, device=points_NP2.device) + 0.5) / (size * PEN_REACH)
    weights_N = weights_N / (4 / 3 * PEN_REACH) ** 2  # the area under a dab
    for points, weights in zip(torch.split(points_NP2, BATCH), torch.split(weights_N, BATCH), strict=True):
        dabs = (points.mT / PEN_REACH)[..., None] - pixel_W
        # 1 - d² on each axis: as soft as a line averaged over pixels, of finite reach, without an exponential.
        columns, rows = dabs.square_().clamp_(max=1).sub_(1).unbind(1)
        yield (rows.mT @ columns).mul_(weights[:, None, None])


def _sample_habit(weights: tuple[float, ...], shape: tuple[int, ...], generator: Generator) -> Tensor:
    """A yes or no per arc, (C, S, K)."""
    return _uniform(shape, generator) < _choose(weights, shape[:2], generator)[..., None] / 2


def _polar(angle: Tensor, length: Tensor) -> Tensor:
    return torch.stack([length * angle.cos(), length * angle.sin()], -1)


def _choose(weights: tuple[float, ...], shape: tuple[int, ...], generator: Generator) -> Tensor:
    bounds = torch.tensor(weights, device=generator.device).cumsum(0)
    return torch.bucketize(_uniform(shape, generator) * bounds[-1], bounds[:-1], right=True)


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _spread(deviations: tuple[float, ...], rows: int, generator: Generator) -> Tensor:
    return torch.tensor(deviations, device=generator.device) * _normal((rows, len(deviations)), generator)


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}, but glyphs need at least 1; pass {name}=1 or more")
