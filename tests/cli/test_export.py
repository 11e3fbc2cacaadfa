import json
from pathlib import Path


def test_the_command_writes_graphs_and_says_how_far_they_differ(quickstudy, tmp_path: Path) -> None:
    code, out, err = quickstudy("export", "omniglot-nearest", "--out", tmp_path, "--format", "torch")
    assert code == 0, err
    assert "torch: largest difference from the learner" in out
    assert (tmp_path / "predict.pt2").exists()
    code, out, _ = quickstudy("export", "omniglot-nearest", "--out", tmp_path, "--format", "torch", "--json")
    assert json.loads(out)["differences"]["torch"] < 1e-4


def test_numbers_that_no_task_has_are_refused(quickstudy) -> None:
    code, _, err = quickstudy("export", "omniglot-nearest", "--ways", 1)
    assert code == 2
    assert "--ways 1 was given" in err
