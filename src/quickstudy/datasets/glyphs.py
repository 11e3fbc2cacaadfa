"""Handwritten-like characters without end, drawn by random motor programs.

The idea, a character as a program of pen strokes and a drawing as one noisy run of it, is of Lake,
Salakhutdinov & Tenenbaum, "Human-level concept learning through probabilistic program induction",
Science 350 (2015), https://doi.org/10.1126/science.aab3050. The grammar of strokes here is our own.

A stroke is a chain of arcs of constant curvature, so the place of the pen after any length of ink is known in
closed form, and thousands of drawings are traced and inked at once.

Shape suffixes: C classes, E drawings (examples) of a class, N = C·E, S strokes, K arcs of a stroke, P points,
H and W the image. Angles are in radians, y points down, and once fitted the ink is in sides of the image.
"""

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from quickstudy.datasets.glyph_programs import MAX_STROKES, Programs, draft, normal, polar, spread, uniform

POINTS = 96  # places of the pen on one drawing, shared by its strokes according to their lengths
BATCH = 256  # drawings inked at once, so that memory stays small
# Of the programs up to a fifth are dropped that, drawn at this size, lose more of their ink to lines over lines.
CLUTTER_SIZE, CLUTTER = 28, 0.19

# How one drawing differs from the program: standard deviations.
LENGTH_JITTER, HEADING_JITTER = 0.18, 0.12  # the first of the logarithm
SWEEP_JITTER, BOW_JITTER = 0.10, 0.12  # share of a bend; turn of what should be a line
STROKE_OFFSET_JITTER, STROKE_SCALE_JITTER = 0.04, 0.10
ROTATION_JITTER, SLANT_JITTER, FRAME_JITTER = 0.06, 0.13, (0.10, 0.12, 0.045, 0.045)
WAVES, WAVE_FREQUENCY, WAVE_JITTER = 2, 5.0, 0.02  # slow waves that bend the whole drawing
MARGIN, LONGEST = 0.03, 0.85  # kept free round the ink; longest side of it
# A stroke's width were it black, its spread (of the logarithm), and how far from the pen its edge reaches.
PEN_WIDTH, PEN_JITTER, PEN_REACH = 0.050, 0.10, 0.042


def load(num_classes: int = 200, num_drawings: int = 20, seed: int = 0, size: int = 28) -> Tensor:
    """Return the glyphs of a seed, (C, E, H, W) uint8, ink 255 on 0.

    Args:
        num_classes: Classes C.
        num_drawings: Drawings E of each class.
        seed: Decides the classes and the drawings.
        size: Pixels on a side.

    Raises:
        ValueError: a number is below 1.
    """
    return sample(num_classes, num_drawings, Generator().manual_seed(seed), size)


def sample(num_classes: int, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Invent classes and draw each several times, (C, E, H, W) uint8 on the generator's device.

    Args:
        num_classes: Classes C.
        num_drawings: Drawings E of each class.
        generator: Source of randomness.
        size: Pixels on a side.

    Raises:
        ValueError: a number is below 1.
    """
    return draw(sample_programs(num_classes, generator), num_drawings, generator, size)


def sample_programs(num_classes: int, generator: Generator) -> Programs:
    """Invent motor programs. Of a quarter more than needed, the most cluttered ones are dropped.

    Args:
        num_classes: Classes C.
        generator: Source of randomness.

    Raises:
        ValueError: the number is below 1.
    """
    _require_positive("num_classes", num_classes)
    drafts = draft(num_classes + num_classes // 4, generator)
    inks = _lay_ink(*_trace(_jitter(drafts, 1, generator), generator), CLUTTER_SIZE)
    clutter = torch.cat([1 - ink.clamp(max=1).sum((1, 2)) / ink.sum((1, 2)) for ink in inks])
    clear_first = (clutter > CLUTTER).byte().argsort(stable=True)
    return Programs(*(field[clear_first[:num_classes]] for field in drafts))


def draw(programs: Programs, num_drawings: int, generator: Generator, size: int = 28) -> Tensor:
    """Run each program several times, (C, E, H, W) uint8 on the generator's device.

    Args:
        programs: Motor programs of C classes.
        num_drawings: Drawings E of each class.
        generator: Source of randomness.
        size: Pixels on a side.

    Raises:
        ValueError: a number is below 1.
    """
    _require_positive("num_drawings", num_drawings)
    _require_positive("size", size)
    inks = _lay_ink(*_trace(_jitter(programs, num_drawings, generator), generator), size)
    images = [ink.clamp_(max=1).mul_(255).round_().to(torch.uint8) for ink in inks]
    return torch.cat(images).view(-1, num_drawings, size, size)


def _jitter(programs: Programs, num_drawings: int, generator: Generator) -> Programs:
    """One noisy program per drawing, N = C·E of them."""
    noisy = Programs(*(field.repeat_interleave(num_drawings, 0) for field in programs))
    heading, turn, length = noisy.arcs.unbind(-1)
    by_heading, by_turn, by_length = normal((3, *heading.shape), generator)
    by_stroke = STROKE_SCALE_JITTER * normal((len(heading), MAX_STROKES, 1), generator)
    # Half of what a bend turns too far is taken back at its start: the chord keeps its direction.
    extra = torch.where(turn == 0, BOW_JITTER, SWEEP_JITTER * turn) * by_turn
    heading = heading - extra / 2 + HEADING_JITTER * by_heading
    length = length * (LENGTH_JITTER * by_length + by_stroke).exp()
    return noisy._replace(
        arcs=torch.stack([heading, turn + extra, length], -1),
        offsets=noisy.offsets + STROKE_OFFSET_JITTER * normal(tuple(noisy.offsets.shape), generator),
        frames=noisy.frames + spread(FRAME_JITTER, len(heading), generator),
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
    pen_N1 = PEN_WIDTH * (PEN_JITTER * normal(tuple(scale_N1.shape), generator)).exp()
    return points, (pen_N1 * scale_N1 * length_N1 / POINTS)[:, 0]


def _chord(arcs: Tensor, along: Tensor) -> Tensor:
    """Way from the start of an arc, (..., 3 or more), to the point so far along it, (..., 2)."""
    half_turn = arcs[..., 1] * along / (2 * arcs[..., 2].clamp(min=1e-6))
    return polar(arcs[..., 0] + half_turn, along * torch.sinc(half_turn / math.pi))


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
    rotation, slant = spread((ROTATION_JITTER, SLANT_JITTER), len(points_NP2), generator)[..., None].unbind(1)
    x, y = points_NP2.unbind(-1)
    x = x * log_aspect_N1.exp() + slant * y
    x, y = rotation.cos() * x - rotation.sin() * y, rotation.sin() * x + rotation.cos() * y
    for _ in range(WAVES):
        by_x, by_y, to_x, to_y = normal((4, len(x), 1), generator)
        start = math.tau * uniform((len(x), 1), generator)
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


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} is {value}, but glyphs need at least 1; pass {name}=1 or more")
