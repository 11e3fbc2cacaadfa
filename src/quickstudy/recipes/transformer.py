"""In-context transformer on episodes of any number of ways."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import InContextTransformer
from quickstudy.recipes._any_way import (
    HEAD_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


def omniglot_transformer(
    *,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = HEAD_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=4_000, tasks_per_step=64, learning_rate=1e-3),
) -> Experiment:
    """In-context transformer on Omniglot: one set of weights for up to 20 ways and any shots.

    Args:
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = InContextTransformer(network, network.num_features, max_ways=episodes.slots)
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
