"""The training that learners with label slots share: one set of weights for any number of ways and shots."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from quickstudy.core import Experiment, Learner, Optimisation, UserError
from quickstudy.core.optimisation import Precision
from quickstudy.networks import Conv4, NumViews, Views
from quickstudy.recipes.characters import EpisodeCharacters, episodes_experiment
from quickstudy.recipes.sources import TEST_LAYOUTS
from quickstudy.tasks import Count, Layout, UnevenShots
from quickstudy.tasks.sampling import highest, lowest


@dataclass(frozen=True, kw_only=True)
class AnyWayEpisodes:
    """Training episodes whose ways and shots change from step to step."""

    max_ways: int | None = 20
    """Label slots; the classes of a training task are put into random slots. None makes as many as the highest ways."""
    ways: Count = (5, 20)
    """Classes in a training episode: one number, or the lowest and highest of a number drawn for each step."""
    shots: Count = (1, 5)
    """Support drawings of each class in training: one number, or a range to draw from in each step."""
    uneven: bool = False
    """Draw the shots of each class separately; few are more frequent than many."""
    queries: int = 1
    """Queries of each class in training."""

    @property
    def slots(self) -> int:
        """How many label slots the learner needs.

        Raises:
            UserError: if an episode may have more classes.
        """
        slots = highest(self.ways) if self.max_ways is None else self.max_ways
        if highest(self.ways) > slots:
            raise UserError(f"ways = {self.ways} was given, but there are {slots} label slots. Give a higher max_ways.")
        return slots

    def refuse_more_than(self, max_shots: int) -> None:
        """Raise UserError if a task may have more examples than so many shots of all label slots."""
        slots, most = self.slots, highest(self.ways) * highest(self.shots)
        if highest(self.shots) > max_shots and most > slots * max_shots:
            raise UserError(
                f"ways = {self.ways} and shots = {self.shots} make up to {most} support examples, but "
                f"max_ways = {slots} and max_shots = {max_shots} hold {slots * max_shots}. Give a higher max_shots."
            )

    @property
    def layout(self) -> Layout:
        """The layout of a training episode."""
        shots = UnevenShots(lowest(self.shots), highest(self.shots)) if self.uneven else self.shots
        return Layout(self.ways, shots, self.queries)

    def tests(self) -> dict[str, Layout]:
        """The field's settings that such a learner can read, or its largest setting if it can read none of them."""
        slots, shots = self.slots, highest(self.shots)
        readable = {
            title: test
            for title, test in TEST_LAYOUTS.items()
            if highest(test.ways) <= slots and highest(test.shots) <= shots
        }
        return readable or {f"{slots}-way {shots}-shot": Layout(slots, shots)}


@dataclass(frozen=True, kw_only=True)
class SharedEncoder:
    """The encoder of Prototypical Networks, with their weights to begin with, so that heads can be compared."""

    views: NumViews = 5
    """Shifts of an image by one pixel over which its embedding is averaged, except where the encoder is trained."""
    frozen_encoder: float = 0.2
    """Share of the training, its start, in which the encoder keeps its first weights."""

    starts_from: ClassVar[str] = "omniglot-protonet"

    def build(self, *, keep_edge: bool = False) -> Views:
        """The encoder; its 64 features have no linear layer behind them."""
        return Views(Conv4(downsampling="pool", keep_edge=keep_edge), self.views)


def encoder_without_normalisation(bound: float) -> Conv4:
    """Four convolutions with biases, whose first weights are uniform up to a bound."""
    encoder = Conv4(downsampling="pool", normalisation="none", keep_edge=True)
    for weight in encoder.parameters():
        nn.init.uniform_(weight, -bound, bound)
    return encoder


HEAD_CHARACTERS = EpisodeCharacters(distortion=0.4, mirrored=True, generated=0.3, pool=(60, 6))
"""Characters for a head. An encoder knows those that it was trained on too well, and generated ones correct this."""


def any_way_optimisation(
    *, steps: int, tasks_per_step: int, learning_rate: float, precision: Precision = "32-true"
) -> Optimisation:
    """The schedule that these learners share, with its own length, size and rate."""
    return Optimisation(
        precision=precision,
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=200,
        gradient_clip=1.0,
        average_decay=0.999,
    )


def any_way_experiment(
    learner: Learner,
    episodes: AnyWayEpisodes,
    characters: EpisodeCharacters,
    optimisation: Optimisation,
    shared: SharedEncoder | None = None,
) -> Experiment:
    """Train on such episodes of these characters, from nothing or from the encoder that heads share."""
    frozen_share = 0.0 if shared is None else shared.frozen_encoder
    return episodes_experiment(
        learner,
        episodes.layout,
        characters,
        optimisation,
        tests=episodes.tests(),
        validation_ways=min(episodes.slots, 20),
        validation_tasks=100,
        frozen=("encoder",) if frozen_share else (),
        frozen_share=frozen_share,
        starts_from=None if shared is None else shared.starts_from,
    )
