"""Meta Networks: the settings of Munkhdalai and Yu (2017), section 4.1."""

from typing import Literal

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import MetaNet
from quickstudy.learners.metanet import Variant
from quickstudy.recipes._any_way import (
    AS_IN_PAPERS,
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_experiment,
    any_way_optimisation,
    encoder_without_normalisation,
)
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters

_FIRST_WEIGHTS = 0.1
"""Bound of the paper's first weights."""


def omniglot_metanet(
    *,
    variant: Variant = "metanet",
    gradients: int | None = 3,
    sharpness: float | None = 10.0,
    generators: Literal["all layers", "each layer"] = "each layer",
    second_order: bool = False,
    own_encoders: bool = False,
    encoder: SharedEncoder = SharedEncoder(),
    episodes: AnyWayEpisodes = AnyWayEpisodes(shots=(1, 3), queries=2),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(steps=2_500, tasks_per_step=6, learning_rate=1e-3),
) -> Experiment:
    """Meta Networks on Omniglot: one set of weights for up to 20 ways and any shots.

    Embedding and base learner share their lower four layers, which have batch normalisation.

    Args:
        variant: metanet- has no fast weights in the embedding; metanet+ has more in the base learner.
        gradients: Number of support drawings whose gradients the LSTM reads (the paper's T); None reads all.
        sharpness: First sharpness of the attention, which is then learned; None keeps the paper's, one.
        generators: One generator of fast weights for all layers, as in the paper, or one for each layer.
        second_order: Differentiate the gradients that fast weights are made of, too.
        own_encoders: Give embedding and base learner encoders of their own, without normalisation and with the paper's
            first weights.
        encoder: Encoder that both share, and its first weights.
        episodes: Training episodes.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    # 28 → 14 → 7 → 4 → 2; the fifth block is augmented.
    network = encoder_without_normalisation(_FIRST_WEIGHTS) if own_encoders else encoder.build(keep_edge=True)
    learner = MetaNet(
        network,
        network.map_shape,
        base_encoder=encoder_without_normalisation(_FIRST_WEIGHTS) if own_encoders else None,
        max_ways=episodes.slots,
        variant=variant,
        num_gradients=gradients,
        sharpness=sharpness,
        generator_for=generators,
        second_order=second_order,
        code_range=_FIRST_WEIGHTS if own_encoders else None,
    )
    return any_way_experiment(learner, episodes, characters, optimisation, encoder)


omniglot_metanet_paper = variant(
    "omniglot_metanet_paper",
    omniglot_metanet,
    """Meta Networks on Omniglot as in their paper: fixed ways, two encoders without normalisation.

    As in the paper's algorithm, a step has one task. The paper does not say how many queries a class has; a port has
    10. Its figure shows up to 26,000 steps.
    """,
    starts_from=None,
    own_encoders=True,
    gradients=None,
    sharpness=None,
    generators="all layers",
    shots=1,
    queries=10,
    steps=12_000,
    tasks_per_step=1,
    **AS_IN_PAPERS,
)
