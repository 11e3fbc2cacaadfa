"""Errors in the official runs are measured by name, the best first, and stand in the tables."""

import json
from pathlib import Path

import official_runs as benchmark
from official_table import official_section, official_sentence


def test_weights_that_can_answer_are_stored_and_others_are_named(official_runs: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "official_runs.json"
    names = ["omniglot-nearest", "omniglot-maml-dense"]  # The second was trained on test classes of these runs.
    assert benchmark.main(official_runs, names, benchmark.Options(out=out)) == 0
    (record,) = json.loads(out.read_text())
    assert record["error"]["mean"] == 0
    assert record["command"] == "quickstudy evaluate omniglot-nearest --official-runs all_runs --json"
    assert "omniglot-maml-dense: left out. These weights were trained on" in capsys.readouterr().err
    assert "| `omniglot-nearest` | 0.00 ± 0.00 |" in official_section([record])
    assert "`omniglot-nearest` is wrong in 0.00 ± 0.00 % of the answers, and people in 4.5 %" in official_sentence(
        [record]
    )


def test_the_smallest_error_comes_first(official_runs: Path) -> None:
    records = benchmark.measure(official_runs, ["omniglot-protonet", "omniglot-nearest"])
    errors = [record["error"]["mean"] for record in records]
    assert errors == sorted(errors)


def test_a_folder_without_runs_is_refused(tmp_path: Path, capsys) -> None:
    assert benchmark.main(tmp_path, ["omniglot-nearest"], benchmark.Options(out=tmp_path / "o.json")) == 2
    assert "all_runs.zip" in capsys.readouterr().err
    assert not (tmp_path / "o.json").exists()


def test_without_results_there_is_no_section() -> None:
    assert official_section([]) == official_sentence([]) == ""
