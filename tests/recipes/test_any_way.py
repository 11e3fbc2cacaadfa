import pytest
import torch

from quickstudy.recipes import build

ANY_WAY = (
    "omniglot-delta-net",
    "omniglot-hypernetwork",
    "omniglot-mann",
    "omniglot-plastic",
    "omniglot-snail",
    "omniglot-transformer",
)


@pytest.mark.parametrize("name", ANY_WAY)
def test_an_any_way_recipe_is_tested_at_the_ways_it_can_read(name: str) -> None:
    settings = {"5-way 1-shot", "5-way 5-shot", "20-way 1-shot", "20-way 5-shot"}
    assert set(build(name, {}).test) == settings
    assert set(build(name, {"max_ways": 10, "ways": [5, 10]}).test) == {"5-way 1-shot", "5-way 5-shot"}


@pytest.mark.parametrize(("ways", "highest"), [(5, 5), (20, 20)])
def test_snail_as_in_its_paper_is_tested_up_to_its_ways(ways: int, highest: int) -> None:
    experiment = build("omniglot-snail-paper", {"ways": ways})
    assert {int(name.split("-")[0]) for name in experiment.test} == {5, highest}


@pytest.mark.parametrize("name", ["omniglot-cnp", "omniglot-mann", "omniglot-metanet", "omniglot-snail"])
def test_inputs_come_again_where_an_encoder_is_frozen_to_the_end(name: str, few_characters) -> None:
    experiment = build(name, {})
    is_frozen_to_the_end = experiment.frozen_share == 1
    assert experiment.inputs_come_again == is_frozen_to_the_end
    assert all((part.pool.layout.jitter is None) == is_frozen_to_the_end for part in experiment.train(None).parts)


@pytest.mark.parametrize("shots", [1, (1, 1)])
def test_settings_of_more_shots_than_were_trained_on_are_no_tests(shots) -> None:
    assert set(build("omniglot-snail", {"shots": shots}).test) == {"5-way 1-shot", "20-way 1-shot"}


def test_where_none_of_the_usual_settings_can_be_read_the_largest_that_can_is_the_test() -> None:
    assert set(build("omniglot-snail", {"max_ways": 3, "ways": 3, "shots": (1, 2)}).test) == {"3-way 2-shot"}


@pytest.mark.parametrize("name", ANY_WAY)
def test_it_is_validated_at_as_many_ways_as_it_has_slots_up_to_twenty(name: str, few_characters) -> None:
    for max_ways, expected in ((4, 4), (20, 20), (24, 20)):
        layout = build(name, {"max_ways": max_ways, "ways": 3, "final": False}).validation(None).layout
        assert (layout.ways, layout.shots, layout.jitter) == (expected, 1, None)


@pytest.mark.parametrize("name", [*ANY_WAY, "omniglot-metanet"])
def test_uneven_shots_reach_the_training_alone(name: str, few_characters, generator: torch.Generator) -> None:
    setting = {"ways": 5, "shots": [1, 5], "uneven": True, "pool": None, "generated": 0.0, "final": False}
    experiment = build(name, setting)
    counts = [experiment.train(None).sample(1, generator).support_y[0].bincount().tolist() for _ in range(12)]
    assert any(len(set(each)) > 1 for each in counts)
    assert all(1 <= count <= 5 for each in counts for count in each)
    for source in (experiment.validation, *experiment.test.values()):
        assert isinstance(source(None).layout.shots, int)
