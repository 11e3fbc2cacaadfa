"""What every recipe promises of its tasks: which characters reach training, validation and test, and how changed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from quickstudy.core import Experiment, SharedTasks, TaskSource, TrainingSource, unchecked_distributions
from quickstudy.datasets import omniglot
from quickstudy.learners import ContrastiveEncoder
from quickstudy.recipes import RECIPES, build, default_arguments

UPRIGHT = (0, False)
TURNED = [(quarters, False) for quarters in range(4)]

# Nothing is changed, made or shared, and tasks are small.
PLAIN = {
    "jitter": False,
    "distortion": 0.0,
    "strength": 0.0,
    "generated": 0.0,
    "copies": 0,
    "mirrored": False,
    "short": 0.0,
    "pool": None,
    "ways": 5,
    "shots": 1,
    "queries": 1,
    "examples": 2,
    "pairs": 64,
    "size": 12,
    "split": "vinyals",
    "final": False,
}


@pytest.fixture(autouse=True)
def small_images(few_characters, request: pytest.FixtureRequest) -> None:
    """Fourteen pixels a side, but where pixels are counted or networks built for 28 read them."""
    name = getattr(request.node, "callspec", None) and request.node.callspec.params.get("name", "")
    if "completion" not in (name or "") and "reads" not in request.node.name:
        few_characters.side = 14


OMNIGLOT = [name for name in RECIPES if name.startswith("omniglot-")]
GLYPHS = [name for name in RECIPES if name.startswith("glyphs-")]
FUNCTIONS = [name for name in RECIPES if name.startswith(("gp-", "sinusoid-"))]


def having(option: str) -> list[str]:
    """The recipes of Omniglot that have such an option."""
    return [name for name in OMNIGLOT if option in default_arguments(name)]


def made(name: str, **options: Any) -> Experiment:
    """The recipe, plain but for these options; what it has no option for is left out."""
    has = default_arguments(name)
    plain = {key: value for key, value in PLAIN.items() if key in has}
    if "completion" in name:  # Its queries are pixels.
        plain.pop("queries", None)
    return build(name, {**plain, **options})


def drawn(source: TrainingSource | TaskSource, num_tasks: int = 400, steps: int = 1) -> Tensor:
    """All images, (B, H, W), of so many steps of so many tasks each."""
    tasks: Any = source(None)
    if hasattr(tasks, "showing"):
        tasks = tasks.showing(1)
    generator = torch.Generator().manual_seed(0)
    return torch.cat([image for _ in range(steps) for image in _images(tasks.sample(num_tasks, generator))])


def _images(tasks: Any) -> Iterable[Tensor]:
    if isinstance(tasks, SharedTasks):
        yield tasks.pool_x.flatten(0, -3)
    elif tasks.support_x.ndim == 3:  # Pixels of completed images, all of which are asked for, in any order.
        side = round(tasks.query_x.shape[1] ** 0.5)
        place = (tasks.query_x * side).long()
        image = torch.empty(len(tasks.query_x), side**2)
        yield image.scatter(1, place[..., 0] * side + place[..., 1], tasks.query_y.squeeze(-1)).view(-1, side, side)
    else:
        yield tasks.support_x.flatten(0, -3)
        yield tasks.query_x.flatten(0, -3)


def characters_of(classes: Iterable[int], orientations: Iterable[tuple[int, bool]]) -> set[tuple]:
    return {("character", int(each), orientation) for each in classes for orientation in orientations}


def all_tested(experiment: Experiment) -> Tensor:
    """Images of all tests, of each enough to see all its classes."""
    assert experiment.test
    tests = experiment.test.items()
    return torch.cat([drawn(source, 15 if title.startswith("20-") else 80) for title, source in tests])


def some_tested(experiment: Experiment) -> Tensor:
    """Images of a few tasks of each test."""
    assert experiment.test
    return torch.cat([drawn(source, 2) for source in experiment.test.values()])


def enough(experiment: Experiment) -> int:
    """How many tasks show all classes: pairs and sequences hold more drawings each."""
    return 30 if isinstance(experiment.learner, ContrastiveEncoder) else 200 if _has_sequences(experiment) else 600


def _has_sequences(experiment: Experiment) -> bool:
    return experiment.validate_by == "instances"


def split_of(name: str) -> omniglot.Split:
    return omniglot.split("vinyals" if "split" in default_arguments(name) else "lake")


@pytest.mark.parametrize("name", OMNIGLOT)
def test_each_part_of_the_split_reaches_its_own_tasks_and_training_alone_is_turned(name: str, few_characters) -> None:
    experiment, split = made(name), split_of(name)
    turned = [UPRIGHT] if name == "omniglot-nearest" else TURNED
    trained_on = set(few_characters.read(drawn(experiment.train, enough(experiment))))
    looked_at = set(few_characters.read(drawn(experiment.validation, 100)))
    tested_on = set(few_characters.read(all_tested(experiment)))
    assert trained_on == characters_of(split.train, turned)
    assert looked_at == characters_of(split.validation, [UPRIGHT])
    assert tested_on == characters_of(split.test, [UPRIGHT])


@pytest.mark.parametrize("name", having("final"))
def test_a_final_training_has_the_validation_characters_too_and_is_validated_on_none_it_trains_on(
    name: str, few_characters
) -> None:
    experiment, split = made(name, final=True), split_of(name)
    trained_on = set(few_characters.read(drawn(experiment.train, 2 * enough(experiment))))
    assert trained_on == characters_of([*split.train, *split.validation], TURNED)
    assert {seen.kind for seen in few_characters.read(drawn(experiment.validation, 40))} == {"validation"}
    assert set(few_characters.read(all_tested(experiment))) == characters_of(split.test, [UPRIGHT])


@pytest.mark.parametrize("name", having("split"))
def test_by_default_the_characters_of_training_validation_and_test_are_disjoint(name: str, few_characters) -> None:
    defaults = default_arguments(name)
    experiment = made(name, **{key: defaults[key] for key in ("split", "final") if key in defaults})
    trained_on, looked_at, tested_on = (
        {seen.character for seen in few_characters.read(images) if seen.kind == "character"}
        for images in (drawn(experiment.train, 40), drawn(experiment.validation, 20), all_tested(experiment))
    )
    assert trained_on
    assert tested_on
    assert not trained_on & looked_at
    assert not (trained_on | looked_at) & tested_on


POOLS = [(name, {}) for name in having("jitter")] + [(name, {"pool": (12, 3)}) for name in having("pool")]


@pytest.mark.parametrize(("name", "pool"), POOLS)
def test_jitter_moves_every_training_image_and_no_other(name: str, pool: dict, few_characters) -> None:
    still, moved = (made(name, jitter=jitter, **pool) for jitter in (False, True))
    assert _share_changed(few_characters, drawn(still.train, 4)) == 0
    assert _share_changed(few_characters, drawn(moved.train, 4)) == 1
    assert _share_changed(few_characters, drawn(moved.validation, 4)) == 0
    assert _share_changed(few_characters, some_tested(moved)) == 0


@pytest.mark.parametrize("name", having("jitter"))
def test_jitter_leaves_the_characters_what_they_are(name: str, few_characters) -> None:
    experiment = made(name, jitter=True)
    seen = {each.character for each in few_characters.read(drawn(experiment.train, 40))}
    assert seen <= set(split_of(name).train)


DISTORTED = [(name, {}) for name in having("distortion")] + [(name, {"pool": (12, 3)}) for name in having("pool")]


@pytest.mark.parametrize(("name", "pool"), DISTORTED)
def test_distortion_changes_training_images_as_far_as_it_is_strong_and_no_others(
    name: str, pool: dict, few_characters
) -> None:
    # The same seed draws the same images, whatever the strength.
    barely, some, much = (made(name, distortion=strength, **pool) for strength in (1e-6, 0.3, 1.0))
    as_drawn, distorted, more = (drawn(experiment.train, 4) for experiment in (barely, some, much))
    assert (as_drawn - distorted).abs().mean() > 0.005
    assert (as_drawn - more).abs().mean() > 1.3 * (as_drawn - distorted).abs().mean()
    assert _share_changed(few_characters, more) == 1
    assert _share_changed(few_characters, drawn(much.validation, 4)) == 0
    assert _share_changed(few_characters, some_tested(much)) == 0


def test_views_of_a_drawing_lie_as_far_apart_as_they_are_told_to(few_characters) -> None:
    apart = []
    for strength in (0.0, 0.3, 1.0):
        tasks = made("omniglot-contrastive", strength=strength).train(None).sample(1, torch.Generator().manual_seed(0))
        apart.append(float((tasks.support_x - tasks.query_x).abs().mean()))
    assert apart[0] < 1e-5 < apart[1] < apart[2]


def test_without_rotations_the_contrastive_encoder_sees_upright_drawings(few_characters) -> None:
    images = drawn(made("omniglot-contrastive", rotations=False).train, 40)
    assert set(few_characters.read(images)) == characters_of(omniglot.split("vinyals").train, [UPRIGHT])


@pytest.mark.parametrize("name", having("generated"))
def test_generated_characters_are_in_their_share_of_the_training_steps_and_nowhere_else(
    name: str, few_characters
) -> None:
    experiment = made(name, generated=0.25)
    tasks: Any = experiment.train(None)
    generator = torch.Generator().manual_seed(0)
    kinds = [
        {seen.kind for image in _images(tasks.sample(1, generator)) for seen in few_characters.read(image[:5])}
        for _ in range(200)
    ]
    assert all(len(each) == 1 for each in kinds), "a step is of one kind"
    assert sum(each == {"fresh"} for each in kinds) / len(kinds) == pytest.approx(0.25, abs=0.08)
    others = few_characters.read(drawn(experiment.validation, 4)) + few_characters.read(some_tested(experiment))
    assert {seen.kind for seen in others} == {"character"}


@pytest.mark.parametrize("name", sorted(set(having("generated")) & set(having("jitter"))))
def test_generated_characters_are_new_in_every_step_and_moved_as_the_others(name: str, few_characters) -> None:
    glyphs = [
        each
        for each in drawn(made(name, generated=0.999, jitter=True).train, 1, steps=3).split(5)
        if few_characters.read(each)[0].kind == "fresh"
    ]
    still = drawn(made(name, generated=0.999, jitter=False).train, 1, steps=3)
    assert glyphs
    # A class has two drawings here or more, all alike unless they are moved.
    assert len({image.numpy().tobytes() for each in glyphs for image in each}) == sum(map(len, glyphs))
    assert len({image.numpy().tobytes() for image in still}) < len(still)


@pytest.mark.parametrize("name", having("copies"))
def test_warped_copies_are_further_training_classes_the_same_in_every_run(name: str, few_characters) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        experiment = made(name, copies=2)
        images = drawn(experiment.train, 3 * enough(experiment))
        found.append({image.numpy().tobytes(): image for image in images})
    assert found[0].keys() == found[1].keys()
    seen = few_characters.read(torch.stack(list(found[0].values())))
    for character in omniglot.split("vinyals").train:
        own = [each.orientation for each in seen if each.character == character]
        assert sorted(each for each in own if each is not None) == TURNED
        assert own.count(None) == 2 * 4, "two copies, each turned four ways"
    assert {each.character for each in seen} == set(omniglot.split("vinyals").train)
    assert _share_changed(few_characters, drawn(experiment.validation, 10)) == 0
    assert _share_changed(few_characters, some_tested(experiment)) == 0


# What the optimiser is told, by the name that a recipe's option and the experiment's field share.
OPTIMISER = {
    "learning_rate": 0.0123,
    "weight_decay": 0.07,
    "average_decay": 0.875,
    "optimiser": "rmsprop",
    "tasks_per_step": 3,
    "steps": 17,
    "warmup_steps": 5,
    "gradient_clip": 3.0,
    "precision": "bf16-mixed",
}


@pytest.mark.parametrize("name", RECIPES)
def test_options_of_the_optimiser_reach_the_experiment(name: str) -> None:
    if default_arguments(name):
        assert vars(build(name, OPTIMISER).optimisation) == OPTIMISER


def test_reptiles_learning_rate_is_its_epsilon_of_plain_descent() -> None:
    chosen = build("omniglot-reptile", {}).optimisation
    assert (chosen.learning_rate, chosen.optimiser, chosen.weight_decay) == (0.05, "sgd", 0.0)


@pytest.mark.parametrize("name", having("frozen_encoder"))
def test_a_head_starts_from_the_weights_of_its_own_encoder_the_papers_or_the_deeper(name):
    if build(name, {}).starts_from is None:
        pytest.skip("It is trained from nothing.")
    for residual, start in ((0, "omniglot-protonet"), (2, "omniglot-encoder")):
        head = build(name, {"residual": residual})
        assert head.starts_from == start
        own, theirs = (
            {key: value.shape for key, value in learner.encoder.state_dict().items()}
            for learner in (head.learner, build(start, {}).learner)
        )
        assert own == theirs


@pytest.mark.parametrize("name", having("frozen_encoder"))
def test_an_encoder_is_frozen_for_the_share_that_was_given(name: str) -> None:
    assert build(name, {"frozen_encoder": 0.0}).frozen == ()
    partly = build(name, {"frozen_encoder": 0.75})
    assert (partly.frozen, partly.frozen_share) == (("encoder",), 0.75)


def test_all_drawings_of_a_warped_copy_are_warped_in_the_same_way(few_characters) -> None:
    tasks = made("omniglot-protonet", copies=2, queries=5).train(None).sample(20, torch.Generator().manual_seed(0))
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        for image, label in zip(support_x, support_y, strict=True):
            assert (query_x[query_y == label] == image).all()


def test_mirror_images_are_training_classes_of_their_own(few_characters) -> None:
    experiment, split = made("omniglot-mann-sequences", mirrored=True), omniglot.split("vinyals")
    both = [(quarters, mirrored) for mirrored in (False, True) for quarters in range(4)]
    assert set(few_characters.read(drawn(experiment.train, 500))) == characters_of(split.train, both)
    assert set(few_characters.read(drawn(experiment.validation, 100))) == characters_of(split.validation, [UPRIGHT])
    assert set(few_characters.read(all_tested(experiment))) == characters_of(split.test, [UPRIGHT])


@pytest.mark.parametrize("name", having("pool"))
def test_tasks_of_a_step_share_a_pool_of_the_size_asked_for_in_training_alone(name: str, few_characters) -> None:
    experiment = made(name, pool=(12, 3))
    tasks = experiment.train(None).sample(2, torch.Generator().manual_seed(0))
    assert isinstance(tasks, SharedTasks)
    pool = few_characters.read(tasks.pool_x)
    assert len(pool) == 36
    assert len(set(pool)) == 12
    for source in (experiment.validation, *experiment.test.values()):
        assert not isinstance(source(None).sample(1, torch.Generator().manual_seed(0)), SharedTasks)
    own = made(name, pool=None).train(None).sample(2, torch.Generator().manual_seed(0))
    assert not isinstance(own, SharedTasks)


@pytest.mark.parametrize("name", having("pool"))
def test_a_shared_pool_is_of_the_training_characters_turned(name: str, few_characters) -> None:
    pools = drawn(made(name, pool=(24, 2)).train, 1, steps=80)
    assert set(few_characters.read(pools)) == characters_of(omniglot.split("vinyals").train, TURNED)


@pytest.mark.parametrize("name", GLYPHS)
def test_glyphs_are_fresh_in_training_and_fixed_apart_for_validation_and_test(name: str, few_characters) -> None:
    experiment = made(name)
    kinds = [
        {seen.kind for seen in few_characters.read(images)}
        for images in (drawn(experiment.train, 3), drawn(experiment.validation, 3), some_tested(experiment))
    ]
    assert kinds == [{"fresh"}, {"validation"}, {"test"}]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_points_given_and_asked_for_are_apart_in_validation_and_test(name: str) -> None:
    experiment = build(name, {})
    for title, source in {"validation": experiment.validation, **experiment.test}.items():
        tasks = source(None).sample(3, torch.Generator().manual_seed(0))
        assert tasks.query_x.shape[1] > 0
        assert torch.isin(tasks.support_x, tasks.query_x).any() == (title == "all points")


# A few recipes are large even so; what their learners compute is tested with the learners.
READS = {
    "hidden": 16,
    "channels": 8,
    "num_heads": 2,
    "blocks": 1,
    "size": 20,
    "floor": 0.1,
    "classes": 2,
    "test_steps": 1,
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_learner_reads_the_tasks_of_its_own_recipe(name: str, few_characters, tmp_path: Path) -> None:
    if name.startswith(("folder-", "series-")):
        pytest.skip("its data are the user's; see test_completion, test_folder_classes and test_series")
    small = {key: value for key, value in READS.items() if key in default_arguments(name)}
    experiment = made(name, **small)
    generator = torch.Generator().manual_seed(0)
    if any(parameter.requires_grad for parameter in experiment.learner.parameters()):
        with unchecked_distributions():  # As in training.
            assert experiment.learner(experiment.train(None).sample(2, generator)).isfinite()
    learner = experiment.learner.eval()
    for source in (experiment.validation, next(iter(experiment.test.values()))):
        tasks = source(None).sample(1, generator)
        with torch.no_grad(), unchecked_distributions():
            predicted = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
            assert predicted.log_prob(tasks.query_y).isfinite().all()


def _share_changed(characters, images: Tensor) -> float:
    seen = characters.read(images)
    return sum(each.orientation is None for each in seen) / len(seen)
