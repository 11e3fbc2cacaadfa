"""Learners of functions are measured by the command, and their tables say what was measured."""

import json
import math
import shlex
from pathlib import Path
from typing import Any

import pytest

import function_tables
import functions
import tables
from quickstudy.cli import main as quickstudy_main
from quickstudy.cli.evaluate import read
from quickstudy.core import save_checkpoint
from quickstudy.protocols import PointOptions
from quickstudy.recipes import build
from quickstudy.tasks import PointLayout


def run_of(recipe: str, folder: Path) -> Path:
    header = {"format": 2, "recipe": recipe, "arguments": {}, "step": 0}
    save_checkpoint(folder / "best.safetensors", build(recipe, {}).learner.state_dict(), header)
    return folder


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root = tmp_path_factory.mktemp("functions")
    run = run_of("gp-cnp", root / "gp-cnp")
    assert functions.main([str(run)], functions.Options(out=root, tasks=10)) == 0
    found: list[dict[str, Any]] = json.loads((root / "functions-gp-cnp.json").read_text())
    return found


def test_it_is_asked_inside_and_outside_of_where_it_was_trained() -> None:
    asked = functions.grid(PointLayout((3, 9), (2, 9), -2.0, 2.0))
    by_kind = {each.kind: each.points for each in asked if each.kind != functions.BY_SUPPORT}
    assert by_kind == {
        "as tested": PointOptions(),
        "shifted": PointOptions(range=(2.0, 6.0)),
        "widened": PointOptions(range=(-4.0, 4.0)),
        "beyond": PointOptions(query_range=(2.0, 3.0)),
    }
    assert [each.points.support for each in asked if each.kind == functions.BY_SUPPORT] == [
        (count,) for count in (0, 1, 3, 5, 9)
    ]
    many = [each for each in functions.grid(PointLayout((0, 100))) if each.kind == functions.BY_SUPPORT]
    assert [each.points.support for each in many] == [(count,) for count in (0, 1, 3, 5, 10, 20, 50, 100)]


def test_the_command_chooses_the_same_points() -> None:
    for asked in functions.grid(PointLayout((3, 9), (2, 9), -2.0, 2.0)):
        name, protocol, points = read(asked.arguments("x", 7)[1:])
        assert (name, protocol.tasks, protocol.json) == ("x", 7, True)
        assert {key: getattr(points, key) for key in vars(asked.points)} == vars(asked.points)


def test_a_record_is_what_the_command_prints(
    records: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of("gp-cnp", tmp_path / "gp-cnp")
    monkeypatch.chdir(tmp_path)  # Where the run's folder lies beside.
    (beyond,) = (record for record in records if record["kind"] == "beyond")
    assert quickstudy_main(shlex.split(beyond["command"])[1:]) == 0
    printed = json.loads(capsys.readouterr().out)
    asked, told = (found["test"][0] for found in (printed, beyond["result"]))
    assert told["query_range"] == asked["query_range"] == [2, 3]
    assert told["oracle"] == asked["oracle"]  # The same tasks; the weights were drawn anew.
    assert beyond["result"]["commit"]
    assert beyond["result"]["seed"] == 0


def test_a_refusal_is_recorded_and_the_rest_is_measured(tmp_path: Path) -> None:
    run = run_of("sinusoid-maml", tmp_path / "sinusoid-maml")
    assert functions.main([str(run)], functions.Options(out=tmp_path, tasks=2)) == 0
    found = json.loads((tmp_path / "functions-sinusoid-maml.json").read_text())
    refused = [record for record in found if record["result"] is None]
    assert ["--support", "0"] in [record["command"].split()[5:7] for record in refused]
    assert len(refused) < len(found)
    assert "support is empty" in refused[0]["refusal"]
    assert "| `sinusoid-maml` |" in function_tables.function_section(found)


def test_classifiers_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert functions.main(["glyphs-nearest"], functions.Options(out=tmp_path)) == 2
    assert "not trained on functions" in capsys.readouterr().err
    monkeypatch.setattr(functions.quickstudy, "available", lambda: ["glyphs-nearest", "gp-cnp"])
    assert functions.default_names() == ["gp-cnp"]


def figures(setting: str, support: object, mean: float, oracle: float = 0.5, **more: Any) -> dict[str, Any]:
    closed = (mean + 1.4) / (oracle + 1.4)
    return {
        "setting": setting,
        "log_likelihood": {"mean": mean, "interval95": 0.01},
        "oracle": {"mean": oracle, "interval95": 0.01},
        "share_closed": closed,
        "squared_error": {"mean": 0.25, "interval95": 0.01},
        "coverage90": {"mean": 0.887, "interval95": 0.01},
        "support": support,
        "range": [-2, 2],
        "query_range": [-2, 2],
        "tasks": 2000,
        **more,
    }


def measured(weights: str, gain: float, *, oracle: float = 0.5) -> list[dict[str, Any]]:
    def record(kind: str, *rows: dict[str, Any]) -> dict[str, Any]:
        return {"weights": weights, "recipe": weights, "kind": kind, "result": {"test": rows}, "refusal": None}

    further, everywhere = (figures(test, [3, 9], gain, oracle) for test in ("further points", "all points"))
    return [
        record("as tested", further, everywhere),
        *(record("by support", figures(f"further points, {n} given", n, gain + n / 10, oracle)) for n in (0, 5)),
        record("beyond", figures("further points", [3, 9], -3.0, query_range=[2, 3])),
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    for weights, gain in (("gp-attentive-cnp", -0.45), ("gp-cnp", -0.925)):
        (results / f"functions-{weights}.json").write_text(json.dumps(measured(weights, gain)))
    (results / "gp_regression.json").write_text(json.dumps(regression()))
    pages = ("attentive_cnp", "cnp", "mann")
    for name in ("README.md", "docs/results.md", *(f"docs/learners/{page}.md" for page in pages)):
        page = tmp_path / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"{tables.START}\n{tables.END}\n")
    assert tables.main(tables.Options(root=tmp_path)) == 0
    return tmp_path


def regression() -> dict[str, Any]:
    def size(support: int) -> dict[str, Any]:
        likelihood = {"log_likelihood": {"mean": 0.5, "interval95": 0.02}, "median_log_likelihood": 0.6}
        return {
            "support": support,
            "tasks": 300,
            "contenders": dict.fromkeys(("gp-cnp", "fitted GP, RBF", "exact posterior"), likelihood),
            "tasks_per_second": {
                "gp-cnp": [900.0] * 3,
                "gp-cnp, one at a time": [30.0] * 3,
                "fitted GP, RBF": [9.0] * 3,
            },
            "ratio": {
                "gp-cnp": {"fitted GP, RBF": {"minimum": 90.0, "median": 100.0, "maximum": 110.0}},
                "gp-cnp, one at a time": {"fitted GP, RBF": {"minimum": 3.0, "median": 3.3, "maximum": 4.0}},
            },
        }

    return {
        "protocol": {"scikit-learn": "1.9", "tasks": "some", "queries": 50, "at_once": 64},
        "provenance": {"machine": "Linux x86_64", "threads": 2, "accelerator": "none", "torch": "2.13.0"},
        "learners": {"gp-cnp": "gp-cnp"},
        "sizes": [size(5), size(10)],
    }


def lines(path: Path, start: str) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith(start)]


def test_a_learners_page_has_all_its_rows_and_the_page_of_results_the_first_of_each(project: Path) -> None:
    page, results = project / "docs/learners/attentive_cnp.md", project / "docs/results.md"
    first = "| `gp-attentive-cnp` | further points | -0.450 ± 0.010 | 0.500 | 50.0 % | 0.2500 | 88.7 % |"
    beyond = "| `gp-attentive-cnp` | further points, beyond: queries 2 to 3 | -3.000 ± 0.010 | 0.500 | none |"
    assert first in page.read_text()
    assert beyond in page.read_text()
    assert "`gp-cnp`" not in page.read_text()
    assert first in results.read_text()
    assert beyond not in results.read_text()
    assert "2,000 tasks" in results.read_text()
    assert "No results yet" in (project / "docs/learners/mann.md").read_text()


def test_learners_of_the_same_functions_stand_above_one_exact_posterior(project: Path) -> None:
    results = project / "docs/results.md"
    assert lines(results, "| further points | 0 | 5 |") != []
    assert "| `gp-cnp` | -0.925 ± 0.010 | -0.425 ± 0.010 |" in results.read_text()
    assert lines(results, "| exact posterior | 0.500 | 0.500 |") != []
    others = [*measured("gp-cnp", 0.0), *measured("gp-general", 0.0, oracle=1.5)]
    assert function_tables.function_section(others).count("| exact posterior |") == 2 + 1  # And the heading.


def test_regressors_stand_beside_fitted_processes_on_their_own_page_too(project: Path) -> None:
    for path in (project / "docs/results.md", project / "docs/learners/cnp.md"):
        text = path.read_text()
        assert "| `gp-cnp` | 0.500 ± 0.020 (0.600) | 0.500 ± 0.020 (0.600) |" in text
        assert "| `gp-cnp`, one at a time | 30.0 | 30.0 |" in text
        assert "| `gp-cnp` beside fitted GP, RBF | 100.0 × (90.0 to 110.0) |" in text
        assert "Linux x86_64, 2 threads" in text
    assert "fitted" not in (project / "docs/learners/attentive_cnp.md").read_text()


def test_figures_are_finite(records: list[dict[str, Any]]) -> None:
    for record in records:
        for row in record["result"]["test"]:
            assert math.isfinite(row["log_likelihood"]["mean"])
