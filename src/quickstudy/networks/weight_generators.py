"""Networks that make weights from gradients: m and d of Meta Networks.

Munkhdalai and Yu, "Meta Networks" (ICML 2017), with the preprocessing of gradients of Andrychowicz et al., "Learning
to Learn by Gradient Descent by Gradient Descent" (NIPS 2016), appendix A.

Letters: T tasks, G gradients read in order, B coordinates of any kind, I inputs of a layer, K knots of a table.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from quickstudy.core.tracing import is_traced
from quickstudy.networks.memory import lstm_inputs, lstm_step

_P = 7.0  # Gradients below e^-p are read as they are, the others by their logarithm.
_SMALLEST = math.exp(-_P)
_FARTHEST = 3.0  # On the curve: a gradient of e^p.
_HIDDEN = 20
_FIRST_SCALE = 0.1  # 40,000 weights of size one would drown the slow ones.
_FIRST_SCALE_OF_TASKS = 0.01  # The embedding's, which all examples pass through, start all but silent.
_COORDINATES_AT_ONCE = 16_384  # What is made of so many stays in a processor's cache.


def place(gradients: Tensor) -> Tensor:
    """Each gradient as one number: linear in the gradient up to ±1, logarithmic beyond. `features` is a function of it.

    Args:
        gradients: Gradients of any shape.
    """
    gradients = gradients.to(torch.promote_types(gradients.dtype, torch.float32))
    size = gradients.abs()
    far = gradients.sign() * (2 + size.clamp(min=_SMALLEST).log() / _P)  # The clamp is for the logarithm of zero.
    return torch.where(size >= _SMALLEST, far, gradients / _SMALLEST)


def features(places: Tensor) -> Tensor:
    """The two features of each gradient, (…, 2): (log |g| / p, sign g) of large ones, (−1, e^p g) of small ones.

    Args:
        places: What `place` made of the gradients.
    """
    return torch.stack([places.abs().clamp(min=1) - 2, places.clamp(-1, 1)], dim=-1)


def preprocessed(gradients: Tensor) -> Tensor:
    """The two features (…, 2) of each gradient.

    Args:
        gradients: Gradients of any shape.
    """
    return features(place(gradients))


class CoordinateMLP(nn.Module):
    """m: one small network makes each weight from the gradient of its coordinate.

    So a weight is a function of one number, and this function is piecewise linear with a few dozen kinks. The network
    is therefore computed at the points of a table, and interpolated linearly between them, which is fifty times as
    fast. This is exact but for the cells that contain a kink.

    Args:
        cells: Cells of the table for each unit of `place`. With None, the network is computed for every coordinate.
    """

    def __init__(self, cells: int | None = 256) -> None:
        super().__init__()
        self.cells = cells
        self.layers = nn.Sequential(
            nn.Linear(2, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), _small(nn.Linear(_HIDDEN, 1))
        )

    def forward(self, gradients: Tensor) -> Tensor:
        """A weight for each coordinate, in the shape of the gradients.

        Args:
            gradients: One gradient of each coordinate, of any shape.
        """
        if self.cells is None:
            return self.layers(preprocessed(gradients)).squeeze(-1)
        count = round(2 * _FARTHEST * self.cells) + 1
        like = next(self.parameters())
        knots_K = torch.linspace(-_FARTHEST, _FARTHEST, count, dtype=like.dtype, device=like.device)
        table_K = self.layers(features(knots_K)).squeeze(-1)
        made: Tensor = _Interpolation.apply(table_K, gradients, self.cells)  # type: ignore[no-untyped-call]
        return made


class CoordinateLSTM(nn.Module):
    """d: one LSTM reads the gradients of each coordinate in order, and then makes its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.read = lstm_inputs(2, _HIDDEN)
        self.recur = nn.Linear(_HIDDEN, 4 * _HIDDEN, bias=False)
        self.write = _small(nn.Linear(_HIDDEN, 1), _FIRST_SCALE_OF_TASKS)

    def forward(self, gradients: Tensor) -> Tensor:
        """A weight for each coordinate, (T, …).

        Args:
            gradients: Gradients (T, G, …) of each coordinate.
        """
        places_GB = place(gradients.movedim(1, 0)).flatten(1)
        if gradients.device.type != "cpu" or is_traced():
            return self._weights(places_GB).view(gradients[:, 0].shape)
        # Behind a ReLU that was shut, all gradients are zero: about half of the coordinates, which get the same weight.
        moves_B = (places_GB != 0).any(dim=0)
        moving_GB = torch.cat([places_GB.new_zeros(len(places_GB), 1), places_GB[:, moves_B]], dim=1)
        run = self._weights_twice if torch.is_grad_enabled() else self._weights
        made = torch.cat([run(part_GB) for part_GB in moving_GB.split(_COORDINATES_AT_ONCE, dim=1)])
        return made[moves_B.cumsum(0) * moves_B].view(gradients[:, 0].shape)

    def _weights_twice(self, places_GB: Tensor) -> Tensor:
        """The same, made again on the way back: kept, the activations of all coordinates would be gigabytes."""
        return checkpoint(self._weights, places_GB, use_reentrant=False, preserve_rng_state=False)

    def _weights(self, places_GB: Tensor) -> Tensor:
        first_BI, *items_GBI = features(places_GB)
        weight = torch.cat([self.read.weight, self.recur.weight], dim=1)
        hidden_BH, cell_BH = lstm_step(self.read(first_BI), first_BI.new_zeros(()))
        for items_BI in items_GBI:
            joined = torch.cat([items_BI.to(hidden_BH.dtype), hidden_BH], dim=1)
            hidden_BH, cell_BH = lstm_step(F.linear(joined, weight, self.read.bias), cell_BH)
        return self.write(hidden_BH).squeeze(1)


def _small(layer: nn.Linear, scale: float = _FIRST_SCALE) -> nn.Linear:
    """A generator's last layer, so that fast weights start small beside slow ones."""
    with torch.no_grad():
        layer.weight.mul_(scale)
        layer.bias.zero_()
    return layer


class _Interpolation(torch.autograd.Function):
    """A table's value at the place of each gradient, a part at a time that stays in a processor's cache."""

    @staticmethod
    def forward(context: Any, table_K: Tensor, gradients: Tensor, cells: int) -> Tensor:
        context.save_for_backward(table_K, gradients)
        context.cells = cells
        slope_K = table_K.float().diff() if table_K.dtype == torch.bfloat16 else table_K.diff()
        made = torch.empty_like(gradients, dtype=table_K.dtype, memory_format=torch.contiguous_format)
        for given_B, made_B in zip(_parts(gradients), _parts(made), strict=True):
            cell_B, share_B = _cell(given_B, cells, len(slope_K))
            made_B.copy_(torch.addcmul(table_K.to(slope_K)[cell_B], slope_K[cell_B], share_B.to(slope_K)))
        return made

    @staticmethod
    @once_differentiable
    def backward(context: Any, upstream: Tensor) -> tuple[Tensor, Tensor | None, None]:
        table_K, gradients = context.saved_tensors
        wide = torch.promote_types(table_K.dtype, torch.float32)
        slope_K = table_K.to(wide).diff()
        into_value_K, into_slope_K = (slope_K.new_zeros(len(slope_K)) for _ in range(2))
        into_gradients = torch.empty_like(gradients, memory_format=torch.contiguous_format)
        for given_B, upstream_B, into_B in zip(
            _parts(gradients), _parts(upstream.contiguous()), _parts(into_gradients), strict=True
        ):
            cell_B, share_B = _cell(given_B, context.cells, len(slope_K))
            upstream_B = upstream_B.to(wide)
            into_value_K += torch.zeros_like(slope_K).index_add_(0, cell_B, upstream_B)
            into_slope_K += torch.zeros_like(slope_K).index_add_(0, cell_B, upstream_B * share_B.to(wide))
            if context.needs_input_grad[1]:
                size_B = given_B.abs()
                steepness_B = torch.where(size_B >= _SMALLEST, 1 / (_P * size_B), 1 / _SMALLEST)
                into_B.copy_(upstream_B * slope_K[cell_B] * context.cells * steepness_B)
        into_table_K = F.pad(into_value_K - into_slope_K, (0, 1)) + F.pad(into_slope_K, (1, 0))
        return into_table_K.to(table_K.dtype), into_gradients if context.needs_input_grad[1] else None, None


def _parts(values: Tensor) -> tuple[Tensor, ...]:
    whole = values.view(-1) if values.is_contiguous() else values.flatten()
    return whole.split(4 * _COORDINATES_AT_ONCE if values.device.type == "cpu" else whole.numel())


def _cell(gradients_B: Tensor, cells: int, count: int) -> tuple[Tensor, Tensor]:
    """Which cell of the table each gradient lies in, and how far into it; beyond the table the last line goes on."""
    offset_B = (place(gradients_B) + _FARTHEST) * cells
    cell_B = offset_B.floor().clamp(0, count - 1)
    return cell_B.long() if is_traced() else cell_B.int(), offset_B - cell_B  # ONNX has no other indices.
