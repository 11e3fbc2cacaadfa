from quickstudy.core import Optimisation
from quickstudy.learners import Nearest
from quickstudy.recipes._episodes import episodes_experiment, fixed_way_experiment
from quickstudy.sources import EpisodeCharacters
from quickstudy.tasks import Layout

OPTIMISATION = Optimisation(steps=2_000, tasks_per_step=1)


def test_a_final_training_is_validated_at_its_end_alone() -> None:
    for final, expected in ((True, 2_000), (False, 500)):
        characters = EpisodeCharacters(final=final)
        assert episodes_experiment(Nearest(), Layout(), characters, OPTIMISATION).validate_every == expected


def test_a_learner_of_fixed_ways_is_validated_and_tested_at_its_ways(few_characters) -> None:
    experiment = fixed_way_experiment(Nearest(), Layout(ways=7), EpisodeCharacters(final=False), OPTIMISATION)
    assert set(experiment.test) == {"7-way 1-shot", "7-way 5-shot"}
    assert experiment.validation(None).layout.ways == 7
