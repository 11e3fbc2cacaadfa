"""From a folder or a table to answers, by one command."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

LEARNER = ("--learner", "omniglot-transformer")


def draw(name: str, path: Path, shift: int = 0) -> Path:
    image = Image.new("L", (60, 60), "white")
    pen = ImageDraw.Draw(image)
    if name == "circle":
        pen.ellipse((14 + shift, 14, 44, 44), outline="black", width=3)
    else:
        pen.line((14, 14 + shift, 44, 44), fill="black", width=3)
        pen.line((14, 44, 44, 14 + shift), fill="black", width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("circle", "cross"):
        for number in (1, 2):
            draw(name, tmp_path / "classes" / name / f"{number}.png", number)
    return tmp_path / "classes"


@pytest.fixture
def new(tmp_path: Path) -> list[Path]:
    return [draw(name, tmp_path / f"{name}.png", 3) for name in ("cross", "circle")]


def test_a_table_names_each_file(quickstudy, folder: Path, new: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = quickstudy("predict", "--support", folder, "--query", *new, *LEARNER)
    assert (code, err) == (0, "")
    rows = [line.split("│") for line in out.splitlines() if ".png" in line]
    assert [row[2].strip() for row in rows] == ["cross", "circle"]


def test_json_has_every_probability(quickstudy, folder: Path, new: list[Path]) -> None:
    code, out, _ = quickstudy("predict", "--support", folder, "--query", *new, *LEARNER, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["classes"] == ["circle", "cross"]
    assert found["learner"] == "omniglot-transformer"
    assert [each["label"] for each in found["predictions"]] == ["cross", "circle"]
    assert sum(found["predictions"][0]["probabilities"].values()) == pytest.approx(1)


def test_csv_has_a_row_for_each_query(quickstudy, folder: Path, new: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    code, out, err = quickstudy(
        "predict", "--support", folder, "--query", *new, tmp_path / "bad.png", *LEARNER, "--csv"
    )
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0
    assert [row["label"] for row in rows] == ["cross", "circle", ""]
    assert float(rows[0]["cross"]) == float(rows[0]["confidence"])
    assert "bad.png" in err


def test_the_table_cuts_no_name(quickstudy, folder: Path, new: list[Path], tmp_path: Path) -> None:
    long = shutil.copy(new[0], tmp_path / f"{'x' * 90}.png")
    code, out, _ = quickstudy("predict", "--support", folder, "--query", long, *LEARNER)
    assert code == 0
    assert out.count("x") >= 90
    assert "…" not in out


def test_a_bad_example_is_left_out_and_named(quickstudy, folder: Path, new: list[Path]) -> None:
    (folder / "cross" / "3.png").write_bytes(b"no image")
    code, _, err = quickstudy("predict", "--support", folder, "--query", *new, *LEARNER)
    assert code == 0
    assert err.startswith("left out: ")
    assert "3.png" in err


def test_without_any_answer_it_fails_and_prints_no_table(quickstudy, folder: Path, tmp_path: Path) -> None:
    code, out, err = quickstudy("predict", "--support", folder, "--query", tmp_path / "missing.png", *LEARNER)
    assert (code, out) == (2, "")
    assert f"There is no file {tmp_path / 'missing.png'}" in err
    assert "No query could be answered" in err


def test_a_curve_and_a_table_are_answered(quickstudy, tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("x,y\n" + "\n".join(f"{x},{2 * x + 1}" for x in range(10)))
    (tmp_path / "new.csv").write_text("x\n4.5\n")
    command = ("predict", "--support", tmp_path / "curve.csv", "--query", tmp_path / "new.csv")
    (answer,) = json.loads(quickstudy(*command, "--json")[1])["predictions"]
    assert answer["mean"] == pytest.approx(10, abs=0.2)
    low, high = answer["interval90"]
    assert low < answer["mean"] < high
    assert quickstudy(*command, "--csv")[1].startswith("query,mean,low,high\n1,")
    assert "to" in quickstudy(*command)[1]
    (tmp_path / "classes.csv").write_text("kind,x\n" + "\n".join(f"{'ab'[x > 4]},{x}" for x in range(10)))
    command = ("predict", "--support", tmp_path / "classes.csv", "--target", "kind", "--query", tmp_path / "new.csv")
    assert json.loads(quickstudy(*command, "--json")[1])["classes"] == ["a", "b"]


def test_a_kept_task_answers_the_same(quickstudy, folder: Path, new: list[Path], tmp_path: Path) -> None:
    task = tmp_path / "task.safetensors"
    code, out, _ = quickstudy("adapt", folder, "--out", task, *LEARNER)
    assert code == 0
    assert str(task) in out
    direct, kept = (
        quickstudy("predict", "--support", support, "--query", *new, "--json", *options)[1]
        for support, options in ((folder, LEARNER), (task, ()))
    )
    assert json.loads(direct) == json.loads(kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json", "--csv"), "only one of them can be printed"),
        (("--draws", "0"), "--draws 0"),
        (("--learner", "nothing"), "neither a run folder nor a name"),
        (("--target", "x"), "are for CSV files"),
        (("--seed", "-1"), "--seed -1"),
    ],
)
def test_mistakes_are_named(quickstudy, folder: Path, new: list[Path], arguments: tuple, message: str) -> None:
    code, _, err = quickstudy("predict", "--support", folder, "--query", *new, *arguments)
    assert code == 2
    assert message in err


def test_a_kept_task_takes_no_options_of_adapting(quickstudy, folder: Path, new: list[Path], tmp_path: Path) -> None:
    task = tmp_path / "task.safetensors"
    quickstudy("adapt", folder, "--out", task, *LEARNER)
    code, _, err = quickstudy("predict", "--support", task, "--query", *new, "--draws", 3)
    assert code == 2
    assert "--draws: " in err
    assert "adapted already" in err
    code, _, err = quickstudy("predict", "--support", task, "--query")
    assert code == 2
    assert "--query names no file" in err


CALIBRATED = ("--learner", "omniglot-protonet")


def test_none_of_these_and_sets_are_columns(quickstudy, folder: Path, new: list[Path]) -> None:
    asked = ("--none-of-these", "--sets", "0.9", *CALIBRATED)
    code, out, _ = quickstudy("predict", "--support", folder, "--query", *new, *asked, "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0
    assert list(rows[0]) == ["query", "label", "confidence", "none_of_these", "set", "circle", "cross"]
    assert {row["none_of_these"] for row in rows} <= {"True", "False"}
    _, out, _ = quickstudy("predict", "--support", folder, "--query", *new, *asked, "--json")
    assert {"is_none_of_these", "possible"} <= set(json.loads(out)["predictions"][0])


def test_a_drawing_unlike_all_classes_is_none_of_these(
    quickstudy, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    strange = Image.new("L", (60, 60), "white")
    pen = ImageDraw.Draw(strange)
    for place in range(6, 56, 10):
        pen.line((place, 6, place, 54), fill="black", width=3)
    strange.save(tmp_path / "strange.png")
    given = ("--query", tmp_path / "strange.png", "--none-of-these", *CALIBRATED)
    _, out, _ = quickstudy("predict", "--support", folder, *given)
    assert "none of these" in next(line for line in out.splitlines() if "strange.png" in line)


def test_a_coverage_that_was_not_fitted_is_refused(quickstudy, folder: Path, new: list[Path]) -> None:
    code, _, err = quickstudy("predict", "--support", folder, "--query", *new, "--sets", "0.5", *CALIBRATED)
    assert code == 2
    assert "sets were fitted for 0.8, 0.9, 0.95" in err
