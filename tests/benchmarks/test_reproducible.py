import json
from typing import Any

from reproducible import reproducible


def accuracy(**changes: Any) -> dict[str, Any]:
    record = {
        "weights": "omniglot-protonet",
        "recipe": "omniglot-protonet",
        "trained_on": "omniglot lake",
        "command": "quickstudy evaluate omniglot-protonet --data omniglot --ways 5 --json",
        "data": "omniglot",
        "split": "vinyals",
        "ways": 5,
        "shots": 1,
        "within_alphabet": False,
        "shuffled_labels": False,
        "transductive": False,
        "result": {"accuracy": {"mean": 0.98, "interval95": 0.01}},
    }
    return {**record, **changes}


PUBLISHED = [
    {
        "learner": "protonet",
        "dataset": "omniglot",
        "ways": 5,
        "shots": 1,
        "transductive": None,
        "accuracy": 98.8,
        "rotated": None,
    }
]


def test_a_headline_has_its_options_and_the_papers_figure() -> None:
    (figure,) = reproducible([accuracy()], PUBLISHED, [], [], [])
    assert figure["options"] == ["--data", "omniglot", "--ways", "5"]
    assert (figure["setting"], figure["published"], figure["mean"]) == ("vinyals 5-way 1-shot", 98.8, 0.98)
    json.dumps(figure)


def test_controls_other_splits_and_what_is_not_trained_are_left_out() -> None:
    others: list[dict[str, Any]] = [
        {"split": "lake"},
        {"shots": 5},
        {"shots": [15, 1, 1, 1, 1]},
        {"shuffled_labels": True},
        {"within_alphabet": True},
        {"inductive": True},
        {"trained_on": None},
        {"result": None},
        {"recipe": "glyphs-protonet"},
    ]
    assert reproducible([accuracy(**each) for each in others], [], [], [], []) == []


def test_a_missing_interval_is_none_wide() -> None:
    record = accuracy(result={"accuracy": {"mean": 0.5, "interval95": None}})
    assert reproducible([record], [], [], [], [])[0]["interval95"] == 0.0
