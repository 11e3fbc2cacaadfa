import json
from pathlib import Path

import pytest
import torch

from quickstudy.evaluation import LEVELS, evaluate, evaluate_instances, first_instance_ceiling
from quickstudy.learners import CNP, Nearest
from quickstudy.protocols.records import (
    evaluation_record,
    functions_records,
    instances_record,
    interval_text,
    number,
    ratio_text,
    spread,
    write_json,
)
from quickstudy.protocols.regression import Measured, Setting, evaluated
from quickstudy.tasks import (
    Completion,
    CompletionLayout,
    Episodes,
    GaussianProcesses,
    InstanceSequences,
    Layout,
    PointLayout,
    SequenceLayout,
)


def test_a_record_of_an_evaluation_holds_its_figures(glyph_images) -> None:
    learner = Nearest()
    found = evaluate(learner, Episodes(glyph_images, Layout(3, 1, 2)), 20, seed=4)
    record = evaluation_record(found, "glyphs-nearest", 4, is_transductive=False)
    assert record["accuracy"] == {"mean": found.accuracy.mean, "interval95": found.accuracy.interval95}
    assert record["negative_log_likelihood"] == found.negative_log_likelihood
    assert record["calibration_error"] == found.calibration_error
    assert (record["learner"], record["tasks"], record["seed"]) == ("glyphs-nearest", 20, 4)
    assert record["transductive"] is False
    assert evaluation_record(found, "glyphs-nearest", 4, is_transductive=True)["transductive"] is True


@pytest.mark.parametrize("labels", ["indices", "strings"])
def test_a_record_by_instance_says_what_could_be_guessed(glyph_images, labels: str) -> None:
    sequences = InstanceSequences(glyph_images, SequenceLayout(classes=3))
    table = evaluate_instances(Nearest(), sequences, 10)
    record = instances_record(table, Nearest(), "omniglot-nearest", 0, SequenceLayout(classes=3, labels=labels))
    assert [each["mean"] for each in record["accuracy_by_instance"]] == [each.mean for each in table.accuracy]
    assert record["accuracy_after_first"]["mean"] == table.after_first.mean
    expected = first_instance_ceiling(3, labels_are_strings=labels == "strings")
    assert record["first_instance_ceiling"] == expected
    assert (record["classes"], record["sequences"]) == (3, 10)


def _rows(measured: list[Measured]) -> list:
    return [(each.setting.title, each.evaluation, each.layout) for each in measured]


def test_records_of_functions_say_where_the_points_were() -> None:
    learner = CNP(hidden=8)
    curves = GaussianProcesses(PointLayout((3, 9), 4, low=-1.0, high=2.0))
    elsewhere = GaussianProcesses(PointLayout(5, 4, query_range=(3.0, 4.0)))
    measured = evaluated(learner, [Setting("curves", "curves", curves), Setting("far", "far", elsewhere)], 10, 2)
    near, far = functions_records(_rows(measured), learner, "gp-cnp", 2)
    assert (near["setting"], near["learner"], near["seed"], near["tasks"]) == ("curves", "gp-cnp", 2, 10)
    assert (near["support"], near["range"], near["query_range"]) == ((3, 9), (-1.0, 2.0), (-1.0, 2.0))
    assert (far["support"], far["query_range"]) == (5, (3.0, 4.0))
    assert set(near["coverage"]) == {str(level) for level in LEVELS}
    found = measured[0].evaluation
    assert near["log_likelihood"]["mean"] == found.log_likelihood.mean
    assert near["oracle"]["mean"] == found.oracle.mean
    assert near["share_closed"] == found.closed


def test_of_images_a_record_says_which_pixels_were_given() -> None:
    learner = CNP(2, 1, hidden=8)
    images = Completion(torch.rand(4, 6, 6), CompletionLayout(5, order="from the top"))
    (record,) = functions_records(_rows(evaluated(learner, [Setting("top", "top", images)], 10, 0)), learner, "cnp", 0)
    assert (record["support"], record["order"]) == (5, "from the top")
    assert record["oracle"] is None
    assert "range" not in record


def test_stored_figures_are_read_as_text() -> None:
    assert number(0.98765, 2, times=100) == "98.77"
    assert number(None, 2) == "–"
    assert interval_text({"mean": 0.5, "interval95": 0.01}, 1, times=100) == "50.0 ± 1.0"
    assert interval_text({"mean": 0.5, "interval95": None}, 2) == "0.50"
    assert spread([3.0, 1.0, 2.0]) == {"minimum": 1.0, "median": 2.0, "maximum": 3.0}
    assert ratio_text({"minimum": 1.0, "median": 2.5, "maximum": 3.0}) == "2.50 × (1.00 to 3.00)"


def test_what_is_no_number_is_written_as_null(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "figures.json", {"means": [0.5, float("nan"), float("-inf")], "name": "±"})
    written = (tmp_path / "new" / "figures.json").read_text(encoding="utf-8")
    assert json.loads(written, parse_constant=pytest.fail) == {"means": [0.5, None, None], "name": "±"}
    assert "±" in written
