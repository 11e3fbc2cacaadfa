import json
from pathlib import Path


def test_the_command_prints_the_error_beside_that_of_people(quickstudy, official_runs: Path) -> None:
    code, out, err = quickstudy("evaluate", "omniglot-nearest", "--official-runs", official_runs)
    assert code == 0, err
    assert "on 2 official runs: error 0.00 ± 0.00 %, people 4.5 %" in out
    code, out, _ = quickstudy("evaluate", "omniglot-nearest", "--official-runs", official_runs, "--json")
    assert json.loads(out)["error"]["mean"] == 0
    code, _, err = quickstudy("evaluate", "omniglot-nearest", "--official-runs", official_runs, "--ways", 3)
    assert code == 2
    assert "--ways and --official-runs were given" in err


def test_a_learner_that_descends_answers_the_official_runs_too(quickstudy, official_runs: Path) -> None:
    code, out, err = quickstudy("evaluate", "omniglot-maml", "--official-runs", official_runs)
    assert code == 0, err
    assert "omniglot-maml on 2 official runs: error" in out
