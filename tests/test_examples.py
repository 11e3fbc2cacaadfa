"""Every example runs, in seconds, and prints what its pages promise."""

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quickstudy.cli import main

Run = Callable[..., list[str]]
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run an example as a command, and return the lines that it prints."""

    def command(name: str, *arguments: object) -> list[str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return command


def test_ten_own_images_name_new_ones(run: Run) -> None:
    lines = run("own_images.py")
    assert len(lines) == 5
    for line in lines:
        file, name, _ = line.split()
        assert file == f"new-{name}.png"


def test_own_images_need_files_to_name(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("own_images.py", tmp_path)
    assert stopped.value.code == 2
    assert "no files to name" in capsys.readouterr().err


def test_an_own_encoder_learns(run: Run) -> None:
    before, after = (
        float(line.split()[-1].rstrip("%")) for line in run("own_encoder.py", "--steps", 40, "--tasks", 20)
    )
    assert after > before + 10


def test_an_own_learner_obeys_the_laws(run: Run) -> None:
    lines = run("own_learner.py", "--training-steps", 20)
    assert "holds: padding changes nothing" in lines
    assert lines[-1] == "holds: training beats chance"


def test_an_own_series_has_a_band_around_its_mean(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "series.png"
    lines = run("own_series.py", "--picture", picture)
    assert len(lines) == 5
    for line in lines:
        words = line.split()
        mean, low, high = float(words[2]), float(words[6]), float(words[8])
        assert low < mean < high
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_own_series_comes_from_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("".join(f"{place},{1000 + 5 * place}\n" for place in range(20)))
    means = [float(line.split()[2]) for line in run("own_series.py", file)]
    assert all(1050 < mean < 1130 for mean in means)


def test_every_example_has_a_test_and_a_place_in_the_documentation() -> None:
    tests = Path(__file__).read_text()
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'run("{example.name}"' in tests
        assert f'\n--8<-- "examples/{example.name}"\n' in page


def test_a_learner_that_explores_sells_more_than_thompson_sampling(run: Run) -> None:
    lines = run("ab_test.py", "--tests", 400)
    sold = [float(line.split(" ± ")[0].split()[-1]) for line in lines]
    assert sold[0] > sold[1] + 0.2


def test_an_ab_test_shows_one_variant_to_each_visitor(run: Run) -> None:
    lines = run("ab_test.py", "--rates", 0, 0, 1, 0, 0)
    assert len(lines) == 10
    assert all(("variant 3, buys" in line) == ("buys" in line) for line in lines)


def test_a_training_on_own_classes_names_images_of_new_ones(run: Run) -> None:
    lines = run("own_training.py", "--steps", 1)[-2:]
    for line in lines:
        file, _, name = line.partition(": ")
        assert name.startswith(f"{file}, ")


def test_a_training_on_own_series_forecasts_a_new_one(run: Run) -> None:
    lines = run("own_series_training.py", "--steps", 1)
    forecasts = [line for line in lines if ", 90 % from " in line]
    assert len(forecasts) >= 4
    for line in forecasts:
        low, high = (float(number) for number in re.findall(r"90 % from (\S+) to (\S+),", line)[0])
        assert low < high


def test_a_kept_task_names_new_drawings(run: Run) -> None:
    lines = run("kept_task.py")
    assert [line.split(", ")[0] for line in lines] == ["new-circle.png: circle", "new-cross.png: cross"]


def test_exported_graphs_learn_without_the_package(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert main(["export", "omniglot-protonet", "--out", str(tmp_path), "--format", "onnx", "--json"]) == 0
    assert (
        "quickstudy" not in (EXAMPLES / "exported_graph.py").read_text().partition('"""\n\n')[2].partition("parser")[0]
    )
    lines = run("exported_graph.py", tmp_path)[-2:]
    assert [line.split(", ")[0] for line in lines] == ["bar: bar", "frame: frame"]
