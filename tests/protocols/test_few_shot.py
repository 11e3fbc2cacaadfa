import json

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.datasets import omniglot
from quickstudy.learners import Nearest
from quickstudy.protocols import FewShotOptions, measure_few_shot, open_weights
from quickstudy.protocols.records import json_text


def test_figures_and_record_are_those_of_the_evaluation() -> None:
    done: list[tuple[str, int]] = []
    options = FewShotOptions(ways=4, shots=(2,), queries=3, tasks=20, seed=5)
    found = measure_few_shot(open_weights("glyphs-nearest"), options, lambda *now: done.append(now))
    assert done == [("4-way 2-shot", 10), ("4-way 2-shot", 20)]
    record = json.loads(json_text(found.record()))
    assert record["accuracy"]["mean"] == found.evaluation.accuracy.mean
    told = {key: record[key] for key in ("ways", "shots", "queries", "tasks", "seed", "data", "rotated", "weights")}
    expected = {"ways": 4, "shots": 2, "queries": 3, "tasks": 20, "seed": 5, "data": "glyphs", "rotated": False}
    assert told == {**expected, "weights": "glyphs-nearest"}
    assert found.title == "glyphs-nearest on glyphs, test classes"


def test_more_ways_than_the_weights_read_are_refused_with_the_options_to_change() -> None:
    with pytest.raises(UserError, match="built for 5 ways") as refused:
        measure_few_shot(open_weights("omniglot-srwm"), FewShotOptions(ways=6, queries=1, tasks=1, data="glyphs"))
    assert refused.value.__notes__ == ["The tasks were 6-way 1-shot. --ways and --shots choose others."]


def test_rotated_test_classes_are_four_of_each_character(few_characters, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    adapt = Nearest.adapt

    def noted(self: Nearest, support_x: torch.Tensor, *more, **options):
        shown.extend(few_characters.read(task) for task in support_x)
        return adapt(self, support_x, *more, **options)

    monkeypatch.setattr(Nearest, "adapt", noted)
    options = FewShotOptions(ways=20, queries=1, tasks=40, rotated=True)
    found = measure_few_shot(open_weights("omniglot-nearest"), options)
    assert {each.orientation for task in shown for each in task} == {(turns, False) for turns in range(4)}
    assert {each.character for task in shown for each in task} <= set(omniglot.split("vinyals").test)
    classes = [[(each.character, each.orientation) for each in task] for task in shown]
    assert all(len(set(task)) == 20 for task in classes), "a character at one angle is one class"
    assert any(len({character for character, _ in task}) < 20 for task in classes), "at two angles it is two"
    assert found.record()["rotated"] is True
    assert found.title == "omniglot-nearest on omniglot vinyals, test classes in four rotations"


def test_rotated_classes_can_be_of_one_alphabet(few_characters) -> None:
    options = FewShotOptions(ways=10, queries=1, tasks=5, rotated=True, within_alphabet=True)
    record = measure_few_shot(open_weights("omniglot-nearest"), options).record()
    assert (record["rotated"], record["sampling"]) == (True, "within one alphabet")


def test_only_the_characters_of_omniglot_are_rotated() -> None:
    with pytest.raises(UserError, match="--rotated was given"):
        measure_few_shot(open_weights("glyphs-nearest"), FewShotOptions(rotated=True))


def test_a_transductive_learner_answers_one_by_one_where_it_is_to(trained) -> None:
    weights = trained("omniglot-maml", {"channels": 4, "test_steps": 1})
    together, alone, again = (
        measure_few_shot(weights, FewShotOptions(data="glyphs", tasks=2, inductive=inductive))
        for inductive in (False, True, False)
    )
    assert [each.record()["transductive"] for each in (together, alone, again)] == [True, False, True]
    assert together.evaluation.negative_log_likelihood == again.evaluation.negative_log_likelihood
    assert together.evaluation.negative_log_likelihood != alone.evaluation.negative_log_likelihood


def test_weights_are_not_measured_on_classes_that_they_were_trained_on(trained) -> None:
    weights = trained("omniglot-protonet", {"split": "vinyals", "final": True})
    with pytest.raises(UserError, match="236 of the test classes of 'lake'"):
        measure_few_shot(weights, FewShotOptions(split="lake", rotated=True))


def test_a_task_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("quickstudy.protocols.few_shot.evaluate", too_large)
    with pytest.raises(UserError, match="needs more memory than there is"):
        measure_few_shot(open_weights("glyphs-nearest"), FewShotOptions(tasks=1))
