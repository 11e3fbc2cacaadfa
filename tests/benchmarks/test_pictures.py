import json
import re
from pathlib import Path

import pytest

import pictures


def record(ways: int, shots: int, accuracy: float, **changed: object) -> dict:
    plain = {"within_alphabet": False, "shuffled_labels": False, "split": "vinyals", "weights": "omniglot-nearest"}
    return {**plain, "ways": ways, "shots": shots, "result": {"accuracy": {"mean": accuracy}}, **changed}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    settings = [record(ways, shots, 0.9) for ways in (5, 20) for shots in (1, 5)]
    others = [record(5, 1, 0.1, split="lake"), record(5, 1, 0.2, rotated=True), record(5, 1, 0.3, within_alphabet=True)]
    (tmp_path / "accuracy-omniglot-nearest.json").write_text(json.dumps([*settings, *others]))
    single = [record(5, 1, 0.99, weights="omniglot-snail")]
    (tmp_path / "accuracy-omniglot-snail.json").write_text(json.dumps(single))
    return tmp_path


def test_only_plain_tests_are_drawn(results: Path) -> None:
    found = pictures.read_accuracies(results)
    all_settings = {(ways, shots): 90.0 for ways in (5, 20) for shots in (1, 5)}
    assert found == {"omniglot-nearest": all_settings, "omniglot-snail": {(5, 1): 99.0}}


def test_pictures_are_drawn_of_what_is_there(results: Path, capsys) -> None:
    assert pictures.main(pictures.Options(results=results, out=results)) == 0
    drawn = {path.name for path in results.glob("*.png")}
    assert drawn == {"errors-by-setting.png", "errors-by-size.png"}
    (results / "training").mkdir()
    (results / "training/omniglot-snail.csv").write_text("step,seconds,loss\n50,30,2.5\n100,60,1.0\n")
    pictures.main(pictures.Options(results=results, out=results))
    assert (results / "training.png").stat().st_size > 1_000


def test_every_picture_of_the_pages_is_shown_on_one() -> None:
    docs = Path(__file__).parents[2] / "docs"
    shown = {
        (page.parent / picture).resolve()
        for page in [*docs.rglob("*.md"), docs.parent / "README.md"]
        for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert {path.resolve() for path in docs.rglob("*.png")} == shown
