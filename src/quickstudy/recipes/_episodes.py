"""The training that the learners of characters share: N-way K-shot episodes."""

from collections.abc import Mapping
from typing import Any

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.sources import INK, TEST_LAYOUTS, EpisodeCharacters
from quickstudy.tasks import Layout
from quickstudy.tasks.sampling import highest


def episodes_experiment(
    learner: Learner,
    layout: Layout,
    characters: EpisodeCharacters,
    optimisation: Optimisation,
    *,
    tests: Mapping[str, Layout] = TEST_LAYOUTS,
    validation_ways: int = 20,
    **settings: Any,
) -> Experiment:
    """Train on episodes of this layout; validation has one shot and five queries.

    A final training keeps its last weights: generated characters do not rank weights as real ones do.
    """
    return Experiment(
        learner=learner,
        train=characters.training(layout),
        validation=characters.validation(Layout(validation_ways, 1, 5)),
        test=characters.tests(tests),
        optimisation=optimisation,
        validate_every=max(optimisation.steps, 1) if characters.final else 500,
        input_range=INK,
        data="omniglot",
        **settings,
    )


def fixed_way_experiment(
    learner: Learner, layout: Layout, characters: EpisodeCharacters, optimisation: Optimisation, **settings: Any
) -> Experiment:
    """Train on episodes whose number of ways is that of the tests; the tests have 1 and 5 shots."""
    ways = highest(layout.ways)
    tests = {f"{ways}-way {shots}-shot": Layout(ways, shots) for shots in (1, 5)}
    return episodes_experiment(learner, layout, characters, optimisation, tests=tests, validation_ways=ways, **settings)
