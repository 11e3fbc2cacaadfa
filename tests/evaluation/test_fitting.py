"""Temperatures, thresholds and quantiles agree with their definitions."""

import pytest
import torch
import torch.nn.functional as F

from quickstudy.core import UserError
from quickstudy.evaluation.fitting import (
    area_under_roc,
    equal_error_threshold,
    fitted_temperature,
    lowest_for_coverage,
    resampled,
)


def answers(generator: torch.Generator, temperature: float, count: int = 20_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are too large by a factor, and labels drawn from the true probabilities."""
    true = torch.randn(count, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.multinomial(true.softmax(dim=1), 1, generator=generator).squeeze(1)
    return true * temperature, labels


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_hidden_is_found(temperature: float, generator) -> None:
    assert fitted_temperature(*answers(generator, temperature)) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_higher_likelihood(generator) -> None:
    logits, labels = answers(generator, 2.5, count=300)
    found = fitted_temperature(logits, labels)
    losses = [float(F.cross_entropy(logits / (found * factor), labels)) for factor in (1, 0.99, 1.01)]
    assert losses[0] == min(losses)


def test_an_excluded_class_changes_no_temperature(generator) -> None:
    logits, labels = answers(generator, 2.0, count=300)
    wider = F.pad(logits, (0, 1), value=-torch.inf)
    assert fitted_temperature(wider, labels) == pytest.approx(fitted_temperature(logits, labels), rel=1e-9)


def test_the_threshold_errs_equally_often_on_both_kinds(generator) -> None:
    known = torch.randn(4000, generator=generator) + 2
    unknown = torch.randn(1000, generator=generator)
    threshold = equal_error_threshold(known, unknown)
    assert float((known < threshold).double().mean()) == pytest.approx(
        float((unknown >= threshold).double().mean()), abs=2e-3
    )
    assert threshold == pytest.approx(1.0, abs=0.1)


def test_the_area_counts_the_pairs_in_the_right_order() -> None:
    known, unknown = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([2.0, 0.0])
    assert area_under_roc(known, unknown) == pytest.approx((2 + 1.5 + 1) / 6)


def test_the_area_of_separate_scores_is_one() -> None:
    assert area_under_roc(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1.0
    assert area_under_roc(torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])) == 0.0


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_new_scores_reach_the_lowest_as_often_as_the_coverage_says(coverage: float, generator) -> None:
    scores = torch.rand(200, 99, generator=generator)
    lowest = torch.tensor([lowest_for_coverage(each, coverage) for each in scores])
    further = torch.rand(200, 500, generator=generator)
    assert float((further >= lowest[:, None]).double().mean()) == pytest.approx(coverage, abs=0.01)


def test_too_few_scores_for_a_coverage_are_refused() -> None:
    with pytest.raises(UserError, match="Take more tasks"):
        lowest_for_coverage(torch.rand(5), 0.95)


def test_resampled_tasks_give_the_interval_of_a_mean(generator) -> None:
    values = torch.randn(400, 3, generator=generator, dtype=torch.float64)
    found = resampled(lambda drawn: float(drawn.mean()), values)
    assert found["mean"] == pytest.approx(float(values.mean()))
    assert found["interval95"] == pytest.approx(1.96 * float(values.mean(dim=1).std()) / 20, rel=0.25)


def test_a_single_task_has_no_interval() -> None:
    assert resampled(lambda drawn: float(drawn.mean()), torch.ones(1, 3)) == {"mean": 1.0, "interval95": None}


def test_sets_cover_exchangeable_tasks_exactly(generator) -> None:
    """The rank of a further score among n others is uniform, so it reaches the k-th lowest with 1 − k / (n + 1)."""
    count, draws = 19, 20_000
    scores = torch.rand(draws, count + 1, generator=generator, dtype=torch.float64)
    covered = [float(row[-1]) >= lowest_for_coverage(row[:-1], 0.9) for row in scores]
    assert sum(covered) / draws == pytest.approx(0.9, abs=4 * (0.09 / draws) ** 0.5)
