"""The self-referential weight matrix on episodes of any number of ways, behind the encoder of a metric learner."""

from dataclasses import dataclass, replace

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import SRWM
from quickstudy.networks import Conv4, NumViews, Views
from quickstudy.recipes._any_way import AnyWayEpisodes, any_way_experiment, any_way_optimisation
from quickstudy.recipes.characters import EpisodeCharacters


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
    views: NumViews = 5,
    frozen_encoder: float = 1.0,
    self_reference: SelfReference = SelfReference(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(ways=(5, 20), shots=1),
    characters: EpisodeCharacters = EpisodeCharacters(distortion=0.4, generated=0.5, pool=(24, 6)),
    optimisation: Optimisation = replace(
        any_way_optimisation(steps=1_500, tasks_per_step=32, learning_rate=1e-3), precision="bf16-mixed"
    ),
) -> Experiment:
    """The self-referential weight matrix on Omniglot: one set of weights for up to 20 ways.

    It starts from the encoder of Prototypical Networks.

    Args:
        views: Shifts of an image by one pixel over which its embedding is averaged while the encoder is frozen, and at
            prediction.
        frozen_encoder: Share of the training in which the encoder stays as it started; it saves two thirds of the cost.
        self_reference: Layers of self-referential weights.
        episodes: Training episodes; each query is the next item after the support.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling="pool")
    learner = SRWM(encoder.num_features, encoder=Views(encoder, views), max_ways=episodes.slots, **vars(self_reference))
    experiment = any_way_experiment(learner, episodes, characters, optimisation, frozen_encoder)
    # Generated characters do not rank weights as real ones do. So a final training keeps its last weights.
    every = max(optimisation.steps, 1) if characters.final else experiment.validate_every
    return replace(experiment, starts_from="omniglot-protonet", validate_every=every)
