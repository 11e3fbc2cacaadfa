"""A task-conditioned hypernetwork on episodes of any number of ways, behind the encoder of a metric learner."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import Hypernetwork
from quickstudy.networks.weight_generation import Initialisation
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters


def omniglot_hypernetwork(
    *,
    hidden: int = 128,
    initialisation: Initialisation = "hyperfan",
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=4_000, tasks_per_step=32, learning_rate=2e-3),
) -> Experiment:
    """Hypernetwork on Omniglot: it generates a classifier for any ways and shots.

    Args:
        hidden: Units of the generated classifier.
        initialisation: "hyperfan" gives the classifier's outputs a variance of one from the start.
        encoder: Encoder and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = encoder.build()
    learner = Hypernetwork(network, network.num_features, hidden=hidden, initialisation=initialisation)
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)
