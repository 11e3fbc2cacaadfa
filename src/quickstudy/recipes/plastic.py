"""Differentiable plasticity on episodes of any number of ways, behind the encoder of a metric learner."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import Plastic
from quickstudy.networks.plasticity import TraceRule
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


def omniglot_plastic(
    *,
    rule: TraceRule = "oja",
    first_rate: float = 0.1,
    first_share: float = 0.5,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(
        steps=150, tasks_per_step=32, learning_rate=1e-2, warmup_steps=20, average_decay=0.97
    ),
) -> Experiment:
    """Differentiable plasticity on Omniglot: the last layer has a Hebbian trace, for up to 20 ways and any shots.

    Args:
        rule: Hebb's rule, by which every example fades all traces, or Oja's, by which it fades those of its label.
        first_rate: First share of a new example in a trace.
        first_share: First factor of every trace.
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = Plastic(
        network,
        network.num_features,
        max_ways=episodes.slots,
        rule=rule,
        first_rate=first_rate,
        first_share=first_share,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
