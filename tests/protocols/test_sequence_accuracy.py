import pytest

from quickstudy.core import UserError
from quickstudy.protocols import SequenceOptions, measure_sequences, open_weights


def test_record_and_title_say_which_sequences_they_were(made_up_omniglot: None) -> None:
    options = SequenceOptions(classes=3, sequences=10, size=20, seed=2)
    found = measure_sequences(open_weights("omniglot-nearest"), options)
    record = found.record()
    assert [each["mean"] for each in record["accuracy_by_instance"]] == [each.mean for each in found.table.accuracy]
    expected = {"classes": 3, "sequences": 10, "size": 20, "seed": 2, "data": "omniglot", "split": "vinyals"}
    assert {key: record[key] for key in expected} == expected
    assert found.title == "omniglot-nearest on omniglot vinyals, test classes"
    assert found.setting == "3 classes"


def test_strings_are_drawn_for_a_learner_of_strings(trained, made_up_omniglot: None) -> None:
    weights = trained("omniglot-mann-sequences", {"labels": "strings", "size": 20, "split": "vinyals"})
    found = measure_sequences(weights, SequenceOptions(classes=2, sequences=2))
    assert found.layout.labels == "strings"
    assert found.record()["first_instance_ceiling"] == pytest.approx(1 / 5**5)


def test_weights_are_not_measured_on_classes_that_they_were_trained_on(trained) -> None:
    weights = trained("omniglot-mann-sequences", {"size": 20, "split": "vinyals"})
    with pytest.raises(UserError, match="of the test classes of 'lake'"):
        measure_sequences(weights, SequenceOptions(split="lake"))
