"""The training that learners with label slots share: one set of weights for any number of ways and shots."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.networks import Conv4, NumViews, Views
from quickstudy.recipes._episodes import episodes_experiment
from quickstudy.sources import AnyWayEpisodes, EpisodeCharacters
from quickstudy.tasks import Layout


@dataclass(frozen=True, kw_only=True)
class SharedEncoder:
    """The encoder of Prototypical Networks, with their weights to begin with, so that heads can be compared."""

    residual: int = 2
    """Residual convolutions after the second and after the third block; the papers have none."""
    views: NumViews = 5
    """Shifts of an image by one pixel over which its embedding is averaged, except where the encoder is trained."""
    frozen_views: NumViews = 1
    """The same in training, while the encoder is frozen. One view costs a fifth, and embeds less precisely."""
    frozen_encoder: float = 1.0
    """Share of the training, its start, in which the encoder keeps its first weights."""

    @property
    def starts_from(self) -> str:
        """The recipe whose weights the encoder begins with."""
        return "omniglot-encoder" if self.residual else "omniglot-protonet"

    def build(self, *, keep_edge: bool = False) -> Views:
        """The encoder; its 64 features have no linear layer behind them."""
        return Views(
            Conv4(downsampling="pool", keep_edge=keep_edge, residual=self.residual), self.views, self.frozen_views
        )


def encoder_without_normalisation(bound: float) -> Conv4:
    """Four convolutions with biases, whose first weights are uniform up to a bound."""
    encoder = Conv4(downsampling="pool", normalisation="none", keep_edge=True)
    for weight in encoder.parameters():
        nn.init.uniform_(weight, -bound, bound)
    return encoder


FIXED_CHARACTERS = EpisodeCharacters(distortion=0.4, mirrored=True, generated=0.3, pool=(60, 6), change_once=True)
"""Characters for a head. An encoder knows those that it was trained on too well, and generated ones correct this.

Where the encoder is frozen to the end, it reads each image once.
"""

any_way_optimisation = partial(
    Optimisation, warmup_steps=200, gradient_clip=1.0, average_decay=0.999, precision="bf16-mixed"
)
"""The schedule that these learners share, with its own length, size and rate."""

AS_IN_PAPERS: dict[str, Any] = {
    "residual": 0,
    "views": 1,
    "frozen_encoder": 0.0,
    "max_ways": None,
    "ways": 5,
    "split": "vinyals",
    "jitter": False,
    "distortion": 0.0,
    "mirrored": False,
    "generated": 0.0,
    "pool": None,
    "change_once": False,
    "precision": "32-true",
}
"""What papers on heads have in common: fixed ways, characters in rotations alone, and an encoder that is trained."""


def any_way_experiment(
    learner: Learner,
    episodes: AnyWayEpisodes,
    characters: EpisodeCharacters,
    optimisation: Optimisation,
    shared: SharedEncoder,
) -> Experiment:
    """Train on such episodes of these characters, from the encoder that heads share."""
    ways = min(episodes.slots, 20)
    tests = episodes.tests()
    return head_experiment(
        learner, episodes.layout, characters, optimisation, shared, tests=tests, validation_ways=ways
    )


def head_experiment(
    learner: Learner,
    layout: Layout,
    characters: EpisodeCharacters,
    optimisation: Optimisation,
    shared: SharedEncoder,
    *,
    tests: Mapping[str, Layout],
    validation_ways: int,
) -> Experiment:
    """Train a head on episodes of this layout, from the encoder that heads share."""
    return episodes_experiment(
        learner,
        layout,
        characters,
        optimisation,
        tests=tests,
        validation_ways=validation_ways,
        validation_tasks=100,
        frozen=("encoder",) if shared.frozen_encoder else (),
        frozen_share=shared.frozen_encoder,
        inputs_come_again=characters.change_once,
        starts_from=shared.starts_from,
    )
