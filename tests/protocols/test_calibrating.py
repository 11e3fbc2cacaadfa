"""Calibrations are fitted on free classes, and hold on test classes."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from quickstudy.core import CalibratedSetting, TaskSource, UserError
from quickstudy.core.calibrated import scores_of_logits
from quickstudy.protocols import CalibrationOptions, Weights, calibrate
from quickstudy.protocols.calibrating import Answered, answers, fitted_on, measured_on
from quickstudy.protocols.image_tasks import free_source
from quickstudy.tasks import Layout

OPTIONS = CalibrationOptions(tasks=4, test_tasks=4, queries=2)
LAYOUT = Layout(10, 3, 2)


def simulated(seed: int, temperature: float = 3.0) -> Answered:
    """Logits that are too large, labels drawn from the true probabilities, and even logits for other classes."""
    generator = torch.Generator().manual_seed(seed)
    true_BN = 6 * nn.functional.one_hot(torch.arange(4000) % 5, 5) + torch.randn(4000, 5, generator=generator)
    labels_B = torch.multinomial(true_BN.softmax(dim=1), 1, generator=generator).squeeze(1)
    other_BN = torch.randn(4000, 5, generator=generator)
    return Answered(40, 5, 1, true_BN * temperature, labels_B, scores_of_logits(true_BN), scores_of_logits(other_BN))


def fitted(answered: Answered) -> CalibratedSetting:
    return fitted_on(answered, "omniglot", 236)


def measured(seed: int, setting: CalibratedSetting) -> dict[str, Any]:
    return measured_on(simulated(seed), setting)


def test_further_tasks_of_the_same_kind_are_calibrated() -> None:
    figures = measured(1, fitted(simulated(0)))
    assert figures["calibration_error"]["mean"] < 0.015
    assert figures["calibration_error"]["mean"] < figures["calibration_error_before"]["mean"]
    assert figures["auroc"]["mean"] > 0.95
    for coverage, found in figures["coverage"].items():
        assert found["mean"] == pytest.approx(float(coverage), abs=0.02)
        assert 0 < found["interval95"] < 0.02


def test_known_queries_are_refused_as_often_as_others_are_accepted() -> None:
    figures = measured(1, fitted(simulated(0)))
    assert figures["known_refused"]["mean"] == pytest.approx(1 - figures["unknown_refused"]["mean"], abs=0.02)


def test_the_temperature_is_the_factor_that_was_too_much() -> None:
    assert fitted(simulated(0, temperature=3.0)).temperature == pytest.approx(3.0, rel=0.1)


@pytest.fixture
def weights(trained: Any, made_up_omniglot: None) -> Weights:
    """An untrained learner, and noise in place of Omniglot."""
    return trained("omniglot-protonet", {"views": 1})


def free(weights: Weights) -> TaskSource:
    return free_source(weights, "vinyals", LAYOUT)[2]


def test_queries_of_the_task_and_of_other_classes_are_as_many(weights: Weights) -> None:
    found = answers(weights, free(weights), LAYOUT, 4, OPTIONS)
    assert found.known_BN.shape == (4 * 5 * 2, 5)
    assert len(found.known["distance"]) == len(found.unknown["distance"]) == 4 * 5 * 2
    assert sorted(found.labels_B.unique().tolist()) == [0, 1, 2, 3, 4]


def test_the_support_holds_the_tasks_classes_alone(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    adapt = weights.learner.adapt
    monkeypatch.setattr(weights.learner, "adapt", lambda x, y: seen.append(y) or adapt(x, y))
    answers(weights, free(weights), LAYOUT, 4, OPTIONS)
    assert [each.shape for each in seen] == [(1, 15)] * 4
    assert all(each[0].bincount().tolist() == [3] * 5 for each in seen)


def test_weights_that_saw_the_test_classes_are_refused(trained: Any, made_up_omniglot: None) -> None:
    seen = trained("omniglot-protonet", {"views": 1, "split": "vinyals"})
    with pytest.raises(UserError, match="trained on the split 'vinyals'"):
        calibrate(seen, replace(OPTIONS, split="lake", tasks=2))


def test_where_no_class_is_free_it_is_fitted_on_generated_characters(trained: Any, made_up_omniglot: None) -> None:
    weights = trained("omniglot-protonet", {"views": 1, "split": "vinyals", "final": True})
    found = calibrate(weights, replace(OPTIONS, tasks=2), [(5, 1)], lambda text: None)
    assert found.calibration.settings[0].data == "glyphs"


def test_the_same_options_give_the_same_calibration(weights: Weights) -> None:
    options = replace(OPTIONS, tasks=12)
    one, other = (calibrate(weights, options, [(5, 1)], lambda text: None) for _ in range(2))
    assert one.calibration == other.calibration
    assert one.record()["fitted"][0]["temperature"] > 0


def test_a_setting_that_the_learner_refuses_is_left_out_and_named(trained: Any, weights: Weights) -> None:
    said: list[str] = []
    small = trained("omniglot-transformer", {"views": 1, "ways": 5, "max_ways": 5})
    found = calibrate(small, replace(OPTIONS, tasks=2), [(5, 1), (20, 1)], said.append)
    assert [each.ways for each in found.calibration.settings] == [5]
    assert "20-way 1-shot" in said[1]


def test_learners_of_values_are_refused(trained: Any) -> None:
    with pytest.raises(UserError, match="does not name classes by index"):
        calibrate(trained("gp-cnp", {}), OPTIONS)
