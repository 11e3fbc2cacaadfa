"""Class means of standardised features, with a temperature that the examples choose: no network, nothing to train.

A class is the mean of its examples, as in Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning"
(NIPS 2017), without an encoder. The temperature is the one under which each example is best predicted by the others
(leave-one-out likelihood), with a prior that decides where classes have a single example.

Letters: T tasks, S support examples, Q queries, N ways, D features, G temperatures.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core import Learner, TrainingTasks, UserError, categorical, count_ways, read_query, read_support
from quickstudy.networks.class_means import class_means, mask_absent, members

_TEMPERATURES = 2.0 ** torch.arange(-6, 7, 0.5)
"""Candidates, in units of the number of features, or of directions."""
_UNIT_OF_DIRECTIONS = 0.1
"""Half squared distances between directions are at most two, whatever the number of features."""
_PRIOR_WIDTH = math.log(4)
"""Deviation of the logarithm of the temperature around one of these units."""
_NO_SPREAD = 1e-6
"""A feature that varies less than this share of its size is constant."""


class StandardisedMeansState(NamedTuple):
    """What is subtracted and divided, the class means and the temperature."""

    middle: Tensor
    """(T, D): the mean of each feature over the examples."""
    spread: Tensor
    """(T, D): the deviation of each feature over the examples, 1 where a feature is constant."""
    means: Tensor
    """(T, N, D): class means of the standardised features."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""
    temperature: Tensor
    """(T,): half squared distances are divided by it."""


class StandardisedMeans(Learner):
    """Standardises features by the examples, averages them by class and compares by squared distance.

    Any number of features, ways and shots. Features may have any units.

    Args:
        by_direction: Whether only the direction of the features counts, as suits those of a frozen encoder, which share
            one unit and are many. They are centred by the examples and scaled to one length, not standardised.
    """

    def __init__(self, *, by_direction: bool = False) -> None:
        super().__init__()
        self.by_direction = by_direction

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> StandardisedMeansState:
        """Class means of the examples (T, S, *input) with class indices (T, S).

        Args:
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S).
            support_mask: (T, S), True where an example is real.
        """
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        x_TSD, is_real_TS1 = support_x.flatten(2), _is_real(support_x, mask)
        middle_TD, spread_TD = _units(x_TSD, is_real_TS1)
        if self.by_direction:
            spread_TD = torch.ones_like(spread_TD)
        z_TSD = self._standard(x_TSD, middle_TD, spread_TD) * is_real_TS1
        num_ways = count_ways(support_y)
        means_TND, is_present_TN = class_means(z_TSD, support_y, num_ways, mask)
        is_of_class_TSN = members(support_y, num_ways, mask)
        unit = _UNIT_OF_DIRECTIONS if self.by_direction else z_TSD.shape[-1]
        temperature_T = _best_temperature(z_TSD, means_TND, is_of_class_TSN, is_present_TN, unit)
        return StandardisedMeansState(middle_TD, spread_TD, means_TND, is_present_TN, temperature_T)

    def predict(self, state: StandardisedMeansState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input).

        Args:
            state: what `adapt` returned for T tasks.
            query_x: inputs (T, Q, *input).
        """
        query_x = read_query(self, state, query_x)
        x_TQD = query_x.flatten(2)
        if x_TQD.shape[2] != state.middle.shape[1]:
            raise UserError(
                f"An example of query_x has shape {tuple(query_x.shape[2:])}, but the examples had "
                f"{state.middle.shape[1]} numbers each. Give queries the same features."
            )
        z_TQD = self._standard(x_TQD, state.middle, state.spread)
        logits_TQN = -_half_distances(z_TQD, state.means) / state.temperature[:, None, None]
        return categorical(mask_absent(logits_TQN, state.is_present))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries. There is nothing to train.

        Args:
            tasks: the tasks of a step.
        """
        return super().meta_loss(tasks)

    def _standard(self, x_TED: Tensor, middle_TD: Tensor, spread_TD: Tensor) -> Tensor:
        z_TED = (x_TED - middle_TD[:, None]) / spread_TD[:, None]
        return F.normalize(z_TED, dim=-1) if self.by_direction else z_TED


def _is_real(support_x: Tensor, mask: Tensor | None) -> Tensor:
    shape = (*support_x.shape[:2], 1)
    return support_x.new_ones(shape) if mask is None else mask[..., None].to(support_x.dtype)


def _units(x_TSD: Tensor, is_real_TS1: Tensor) -> tuple[Tensor, Tensor]:
    number_T1 = is_real_TS1.sum(dim=1)
    middle_TD = (x_TSD * is_real_TS1).sum(dim=1) / number_T1
    away_TSD = (x_TSD - middle_TD[:, None]) * is_real_TS1
    spread_TD = (away_TSD.square().sum(dim=1) / number_T1).sqrt()
    return middle_TD, torch.where(spread_TD > _NO_SPREAD * middle_TD.abs(), spread_TD, 1.0)


def _half_distances(z_TQD: Tensor, means_TND: Tensor) -> Tensor:
    """Half the squared distances (T, Q, N), without the part that is the same for all classes."""
    return means_TND.square().sum(dim=-1)[:, None] / 2 - z_TQD @ means_TND.transpose(1, 2)


def _best_temperature(
    z_TSD: Tensor, means_TND: Tensor, is_of_TSN: Tensor, is_present_TN: Tensor, unit: float
) -> Tensor:
    """The temperature (T,) that predicts each example best from the others, or the prior's if no class has two."""
    count_TN = is_of_TSN.sum(dim=1)
    own_count_TS = torch.einsum("tsn,tn->ts", is_of_TSN.to(z_TSD.dtype), count_TN.to(z_TSD.dtype))
    square_TS1 = z_TSD.square().sum(dim=-1, keepdim=True)
    distance_TSN = 2 * _half_distances(z_TSD, means_TND) + square_TS1
    # Without the example itself, its class mean is further away by this factor.
    without = (own_count_TS / (own_count_TS - 1).clamp(min=1)).square()[..., None]
    distance_TSN = torch.where(is_of_TSN, distance_TSN * without, distance_TSN).clamp(min=0)
    has_others_TS = own_count_TS > 1
    scale_G = _TEMPERATURES.to(z_TSD) * unit
    logits_TSN = mask_absent(-distance_TSN / 2, is_present_TN)
    of_G = []
    for scale in scale_G:
        log_share_TSN = (logits_TSN / scale).log_softmax(dim=-1)
        own_TS = torch.where(is_of_TSN, log_share_TSN, 0.0).sum(dim=-1)
        # Classes count equally, whatever their numbers of examples.
        of_G.append((own_TS * has_others_TS / own_count_TS.clamp(min=1)).sum(dim=1) * own_count_TS.amax(dim=1))
    log_prior_G = -(_TEMPERATURES.to(z_TSD).log() / _PRIOR_WIDTH).square() / 2
    best_T = (torch.stack(of_G, dim=1) + log_prior_G).argmax(dim=1)
    return scale_G[best_T]
