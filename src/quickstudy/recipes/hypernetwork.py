"""A task-conditioned hypernetwork on episodes of any number of ways, behind the encoder of a metric learner."""

from dataclasses import replace

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import Hypernetwork
from quickstudy.networks import Conv4, NumViews, Views
from quickstudy.networks.weight_generation import Initialisation
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes.characters import EpisodeCharacters


def omniglot_hypernetwork(
    *,
    hidden: int = 128,
    initialisation: Initialisation = "hyperfan",
    views: NumViews = 5,
    frozen_encoder: float = 1.0,
    episodes: AnyWayEpisodes = AnyWayEpisodes(),
    characters: EpisodeCharacters = EpisodeCharacters(distortion=0.4, generated=0.5, pool=(24, 6)),
    optimisation: Optimisation = replace(
        any_way_optimisation(steps=300, tasks_per_step=32, learning_rate=2e-3),
        warmup_steps=50,
        average_decay=0.99,
        precision="bf16-mixed",
    ),
) -> Experiment:
    """Hypernetwork on Omniglot: it generates a classifier for any ways and shots.

    It starts from the encoder of Prototypical Networks.

    Args:
        hidden: Units of the generated classifier.
        initialisation: "hyperfan" gives the classifier's outputs a variance of one from the start.
        views: Shifts of an image by one pixel over which its embedding is averaged while the encoder is frozen, and at
            prediction.
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    learner = Hypernetwork(Views(encoder, views), encoder.num_features, hidden=hidden, initialisation=initialisation)
    experiment = any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)
    # Generated characters do not rank weights as real ones do. So a final training keeps its last weights.
    every = max(optimisation.steps, 1) if characters.final else experiment.validate_every
    return replace(experiment, starts_from="omniglot-protonet", validate_every=every)
