"""In-context transformer on episodes of any number of ways."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import InContextTransformer
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes.characters import EpisodeCharacters


def omniglot_transformer(
    *,
    frozen_encoder: float = 0.0,
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = EpisodeCharacters(generated=0.5, pool=(60, 6)),
    optimisation: Optimisation = any_way_optimisation(steps=5_000, tasks_per_step=64, learning_rate=1e-3),
) -> Experiment:
    """In-context transformer on Omniglot: one set of weights for up to 20 ways and any shots.

    Start it from the encoder of a metric learner: `--start-from omniglot-protonet`.

    Args:
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    learner = InContextTransformer(encoder, encoder.num_features, max_ways=episodes.slots)
    return any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)
