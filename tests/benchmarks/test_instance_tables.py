"""The tables of accuracy by instance hold our rows beside the paper's."""

import json
from pathlib import Path
from typing import Any

import pytest

import instance_tables
import tables

BENCHMARKS = Path(tables.__file__).parents[1]
PUBLISHED = json.loads((BENCHMARKS / "published_instances.json").read_text(encoding="utf-8"))


def record(
    weights: str, recipe: str, mean: float, *, classes: int = 5, labels: str = "one-hot", **arguments: Any
) -> dict[str, Any]:
    """The same accuracy at every drawing but the first, which is right half as often; untrained without arguments."""
    accuracy = [{"mean": mean / 2, "interval95": 0.0012}, *[{"mean": mean, "interval95": 0.0034}] * 9]
    result = {"accuracy_by_instance": accuracy, "sequences": 1000, "data": "omniglot", "split": "vinyals"}
    return {
        "weights": weights,
        "recipe": recipe,
        "trained_on": "omniglot vinyals" if arguments else None,
        "arguments": arguments,
        "minutes": None,
        "labels": labels,
        "classes": classes,
        "result": {**result, "first_instance_ceiling": 137 / 300},
    }


def mann(weights: str, mean: float, **given: Any) -> dict[str, Any]:
    telling = {"controller": "lstm", "key_strength": True, "tasks_per_step": 16, "steps": 18_000, **given}
    return record(weights, "omniglot-mann-sequences", mean, **telling)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose documents have nothing between the marks, with the paper's figures, and none of ours."""
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "benchmarks" / "published_instances.json").write_text(json.dumps(PUBLISHED))
    for page in ("README.md", "docs/results.md", "docs/learners/mann.md", "docs/learners/nearest.md"):
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_text(f"before\n{tables.START}\n{tables.END}\nafter\n")
    return tmp_path


def written(project: Path, *records: dict[str, Any]) -> tuple[str, str]:
    """The page of results and MANN's page after these were measured."""
    for one in records:
        path = project / "benchmarks" / "results" / f"instances-{one['weights']}.json"
        path.write_text(json.dumps([one]))
    assert tables.main(tables.Options(root=project)) == 0
    results, page = ((project / name).read_text() for name in ("docs/results.md", "docs/learners/mann.md"))
    return results, page


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| learner", "| :--"))]


def test_ours_stand_before_the_papers_of_the_same_kind(project: Path) -> None:
    codes = record("codes", "omniglot-autoencoder", 0.5, labels="copied", steps=6_250, tasks_per_step=16)
    pixels = record("omniglot-nearest", "omniglot-nearest", 0.4, labels="copied")
    _, page = written(project, mann("ours", 0.8), codes, pixels)
    one_hot, five_strings, fifteen_strings = page.split(" classes, named ")[1:]
    known = rows(one_hot)
    assert [row.split(" | ")[0] for row in known] == ["| human", "| feed-forward", "| LSTM", "| MANN", "| MANN"]
    ours = "| MANN | ours, `ours`, sharpened, 18,000 steps of 16 | 40.00 ± 0.12 | 80.00 ± 0.34 |"
    assert known[3].startswith(ours)
    assert known[3].count("±") == 6
    assert known[4] == "| MANN | the paper's | 36.4 | 82.8 | 91.0 | 92.6 | 94.9 | 98.1 |"
    nearest = "| kNN, pixels | ours, `omniglot-nearest`, labels copied, not trained | 20.00 ± 0.12 |"
    assert rows(five_strings)[0].startswith(nearest)
    assert rows(five_strings)[1] == "| kNN, pixels | the paper's | 4.0 | 36.7 | 41.9 | 45.7 | 48.1 | 57.0 |"
    deep = "| kNN, deep features | ours, `codes`, labels copied, 6,250 steps of 16 |"
    assert rows(five_strings)[2].startswith(deep)
    assert len(rows(fifteen_strings)) == 7
    assert rows(fifteen_strings)[-1].startswith("| MANN, addressed as in the NTM | the paper's | 0.0 | 35.4 |")


def test_the_tables_say_what_the_first_drawing_may_reach_and_where_figures_come_from(project: Path) -> None:
    _, page = written(project, mann("ours", 0.8))
    assert "5 classes, named one-hot; more than 45.7 at the 1st would be a leak:" in page
    assert "15 classes, named by strings; the 1st is a guess among 3,125:" in page
    assert "1,000 sequences of ten drawings of each class" in page
    assert "kNN copies" not in page
    assert "Santoro et al. (2016)" in page
    assert "Figures from a summary" in page
    assert "- Table 1, 5 classes (feed-forward; LSTM; MANN): 100,000 training episodes" in page


def test_the_page_of_results_holds_the_two_learners_and_one_setting_only(project: Path) -> None:
    strings = mann("strings", 0.7, labels="strings")
    feed_forward = mann("feed-forward", 0.6, controller="feed-forward")
    results, _ = written(project, mann("ours", 0.8), strings, feed_forward)
    assert [row.split(" | ")[:2] for row in rows(results)] == [
        ["| LSTM", "the paper's"],
        ["| MANN", "ours, `ours`, sharpened, 18,000 steps of 16"],
        ["| MANN", "the paper's"],
    ]
    assert "No results yet" in (project / "docs" / "learners" / "nearest.md").read_text()


def test_without_ours_there_is_no_table(project: Path) -> None:
    assert all("No results yet" in text and "MANN" not in text for text in written(project))


@pytest.mark.parametrize(
    ("measured", "label", "setting"),
    [
        (record("w", "omniglot-lstm", 1.0, is_recurrent=True), "LSTM", "ours, `w`"),
        (record("w", "omniglot-lstm", 1.0, is_recurrent=False), "feed-forward", "ours, `w`"),
        (record("w", "omniglot-transformer", 1.0, size=20), "transformer", "ours, `w`"),
        (mann("w", 1.0, key_strength=False), "MANN", "ours, `w`, not sharpened, 18,000 steps of 16"),
        (mann("w", 1.0, blur=0.8), "MANN", "ours, `w`, sharpened, pixels blurred, 18,000 steps of 16"),
        (mann("w", 1.0, blur=0.0), "MANN", "ours, `w`, sharpened, 18,000 steps of 16"),
        ({**mann("w", 1.0), "minutes": 90.0}, "MANN", "ours, `w`, sharpened, 90 minutes"),
        (
            {**mann("w", 1.0), "trainings_before": 2},
            "MANN",
            "ours, `w`, sharpened, 18,000 steps of 16 after 2 other trainings",
        ),
    ],
)
def test_a_row_says_what_it_is(measured: dict[str, Any], label: str, setting: str) -> None:
    ((_, found),) = instance_tables.instance_groups([measured], [])
    assert found[0][:2] == [label, setting]


def test_strings_learnt_with_another_number_of_classes_are_said_to_be() -> None:
    asked = mann("w", 1.0, labels="strings", classes=15)
    asked["arguments"]["classes"] = 5
    (group,) = instance_tables.instance_groups([asked], [])
    assert group.caption.startswith("15 classes, named by strings")
    assert ", trained on 5 classes, 18,000 steps" in group.rows[0][1]


def test_published_figures_are_whole() -> None:
    keys = ["learner", "label", "paper", "table", "dataset", "split", "labels", "classes", "accuracies", "protocol"]
    for source in PUBLISHED:
        assert list(source) == [*keys, "certainty"]
        assert tuple(source["accuracies"]) == instance_tables.INSTANCES
        assert source["certainty"] == "from a summary"
        assert source["labels"] == ("one-hot" if source["table"] == "1" else "strings")
    told = {(source["label"], source["labels"], source["classes"]) for source in PUBLISHED}
    assert len(told) == len(PUBLISHED) == 4 + 6 + 7
    assert [source["label"] for source in PUBLISHED if source["learner"] is None] == ["human"]
