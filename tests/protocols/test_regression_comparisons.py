"""What stands beside a learner answers the very same tasks."""

from dataclasses import replace

import torch

from quickstudy.baselines.mean_curve import MeanCurve
from quickstudy.evaluation import evaluate_functions
from quickstudy.protocols.regression_comparisons import compared, compared_records
from quickstudy.recipes import build


def test_each_is_evaluated_on_each_test_with_the_same_seed() -> None:
    experiment = build("gp-cnp", {"hidden": 8})
    tasks = experiment.test["further points"](None)
    points = tasks.sample(20, torch.Generator().manual_seed(1))
    curve = MeanCurve(points.query_x.flatten(), points.query_y.flatten(), 20)
    experiment = replace(experiment, compared_with={"mean curve": lambda _: curve, "gp-cnp": "gp-cnp"})
    found = compared(experiment, {"further points": tasks}, 10, 3, None)
    assert [each.title for each in found] == ["further points: mean curve", "further points: gp-cnp"]
    assert found[0].evaluation.log_likelihood == evaluate_functions(curve, tasks, 10, 3).log_likelihood
    records = compared_records(found, experiment.learner, 3)
    assert [each["learner"] for each in records] == ["mean curve", "gp-cnp"]
    assert records[0]["support"] == tasks.layout.support


def test_where_nothing_is_named_nothing_is_measured() -> None:
    experiment = build("gp-cnp", {"hidden": 8})
    assert compared(experiment, {"further points": experiment.test["further points"](None)}, 10, 0, None) == []
