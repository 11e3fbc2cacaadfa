"""The self-referential weight matrix on episodes of few ways, behind the encoder of a metric learner."""

from dataclasses import dataclass

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import SRWM
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


@dataclass(frozen=True, kw_only=True)
class SelfReference:
    """The layers of self-referential weights."""

    channels: int = 128
    """Numbers of an item; the heads share them."""
    num_blocks: int = 2
    """Layers."""
    num_heads: int = 8
    """Heads of each layer."""
    hidden: int = 256
    """Width between the two layers of a block's perceptron."""
    first_rate: float = 0.0
    """First mean of the weights that give the rates, before the sigmoid."""
    normalises: bool = True
    """Scale each example's features to mean zero and variance one."""


def omniglot_srwm(
    *,
    encoder: SharedEncoder = SharedEncoder(),
    self_reference: SelfReference = SelfReference(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(max_ways=5, ways=5),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=3_000, tasks_per_step=64, learning_rate=2e-3),
) -> Experiment:
    """The self-referential weight matrix on Omniglot, for 5 ways. More ways stay at chance for many more steps.

    Args:
        encoder: Encoder and its first weights.
        self_reference: Layers of self-referential weights.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = SRWM(network.num_features, encoder=network, max_ways=episodes.slots, **vars(self_reference))
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
