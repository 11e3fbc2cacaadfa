"""Cholesky's factors and triangular systems in ONNX, which has no operations for them: loops over the columns.

Each takes matrices of any size, with any number of dimensions before, in double precision. The package onnxscript is
needed, so import this module only where ONNX is written.
"""

# mypy: ignore-errors
# onnxscript reads the text of these functions: it is Python in form, but no Python function runs.

from collections.abc import Callable
from typing import Any

import onnxscript
import torch
from onnxscript import DOUBLE
from onnxscript import opset18 as op


@onnxscript.script(onnxscript.values.Opset("quickstudy", 1), default_opset=op)
def cholesky(matrix: DOUBLE) -> DOUBLE:
    """The lower triangle L with L Lᵀ = matrix.

    Args:
        matrix: (..., S, S), symmetric and positive definite.
    """
    count = op.Squeeze(op.Shape(matrix, start=-1))
    places = op.Range(0, count, 1)
    rest = op.Identity(matrix)
    lower = rest - rest
    for place in range(count):
        here = op.CastLike(op.Equal(places, place), matrix)
        column = op.Gather(rest, op.Unsqueeze(place, [0]), axis=-1)
        pivot = op.Gather(column, op.Unsqueeze(place, [0]), axis=-2)
        is_below = op.Unsqueeze(op.CastLike(op.GreaterOrEqual(places, place), matrix), [-1])
        column = column * is_below / op.Sqrt(pivot)
        rest = rest - column * op.Unsqueeze(op.Squeeze(column, [-1]), [-2])
        lower = lower + column * op.Unsqueeze(here, [0])
    return lower


@onnxscript.script(onnxscript.values.Opset("quickstudy", 1), default_opset=op)
def solve_lower_triangle(lower: DOUBLE, right: DOUBLE) -> DOUBLE:
    """The X (..., S, Q) with lower X = right.

    Args:
        lower: (..., S, S), a lower triangle.
        right: (..., S, Q).
    """
    count = op.Squeeze(op.Shape(lower, start=-1))
    places = op.Range(0, count, 1)
    rest = op.Identity(right)
    solved = rest - rest
    for place in range(count):
        here = op.CastLike(op.Equal(places, place), lower)
        column = op.Gather(lower, op.Unsqueeze(place, [0]), axis=-1)
        pivot = op.Gather(column, op.Unsqueeze(place, [0]), axis=-2)
        row = op.Gather(rest, op.Unsqueeze(place, [0]), axis=-2) / pivot
        rest = rest - column * row
        solved = solved + op.Unsqueeze(here, [-1]) * row
    return solved


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What ONNX is to use for torch's operations, by operation."""
    return {
        torch.ops.aten.linalg_cholesky.default: _cholesky,
        torch.ops.aten.linalg_solve_triangular.default: _solve_triangular,
    }


def _cholesky(matrix, upper: bool = False):
    if upper:
        raise NotImplementedError("Only lower triangles are written as ONNX.")
    return cholesky(matrix)


def _solve_triangular(lower, right, upper: bool, left: bool = True, unitriangular: bool = False):
    if upper or unitriangular or not left:
        raise NotImplementedError("Only systems of a lower triangle, from the left, are written as ONNX.")
    return solve_lower_triangle(lower, right)
