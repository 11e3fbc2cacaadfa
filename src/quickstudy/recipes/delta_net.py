"""DeltaNet on episodes of any number of ways, behind the encoder of a metric learner."""

from dataclasses import dataclass

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import DeltaNet
from quickstudy.networks.delta_rule import Features, Rule
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


@dataclass(frozen=True, kw_only=True)
class FastWeights:
    """The layers of fast weights, and how they write."""

    rule: Rule = "delta"
    """Write the difference between a value and what is read at its key, or the value itself (linear attention)."""
    features: Features = "dpfp"
    """Feature map of keys and queries: elu + 1, or products of neighbours, which are larger."""
    degree: int = 1
    """Degree of the features "dpfp": they have 2·degree numbers for each of a key."""
    channels: int = 256
    """Numbers of an item."""
    num_blocks: int = 2
    """Layers."""
    num_heads: int = 16
    """Heads of each layer."""
    hidden: int = 256
    """Width between the two layers of a block's perceptron."""
    normalises: bool = True
    """Scale each example's features to mean zero and variance one. It learns several times as fast."""


def omniglot_delta_net(
    *,
    encoder: SharedEncoder = SharedEncoder(),
    fast_weights: FastWeights = FastWeights(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=2_000, tasks_per_step=32, learning_rate=3e-3),
) -> Experiment:
    """DeltaNet on Omniglot: one set of weights for up to 20 ways and any shots.

    Args:
        encoder: Encoder and its first weights.
        fast_weights: Layers of fast weights.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = DeltaNet(network.num_features, encoder=network, max_ways=episodes.slots, **vars(fast_weights))
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
