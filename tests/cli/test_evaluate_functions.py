import json
from pathlib import Path

import pytest

from quickstudy.core import save_checkpoint
from quickstudy.evaluation import LEVELS
from quickstudy.recipes import build

FACE = {
    "log_likelihood",
    "oracle",
    "prior",
    "share_closed",
    "squared_error",
    "coverage",
    "coverage90",
    "support",
    "range",
    "tasks",
    "seed",
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory):
    """A run folder of a recipe, with the weights that it starts with."""

    def run(recipe: str) -> Path:
        folder = tmp_path_factory.mktemp(recipe)
        header = {"format": 2, "recipe": recipe, "arguments": {}, "step": 0}
        save_checkpoint(folder / "best.safetensors", build(recipe, {}).learner.state_dict(), header)
        return folder

    return run


@pytest.fixture(scope="module")
def curves(weights) -> Path:
    return weights("gp-cnp")


def test_json_holds_the_figures_and_where_the_points_are(quickstudy, curves: Path) -> None:
    code, out, _ = quickstudy("evaluate", curves, "--tasks", 20, "--seed", 3, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["tasks"], found["seed"]) == (20, 3)
    assert found["commit"]
    for record in found["test"]:
        assert set(record) >= FACE
        assert set(record["coverage"]) == {str(level) for level in LEVELS}
        assert record["coverage"]["0.9"] == record["coverage90"]["mean"]
        assert (record["support"], record["range"], record["query_range"]) == ([3, 9], [-2, 2], [-2, 2])
    assert [record["predicts_support"] for record in found["test"]] == [False, True]


def test_there_is_a_row_for_each_number_of_points_given(quickstudy, curves: Path) -> None:
    command = ("evaluate", curves, "--tasks", 20, "--support", 0, 9)
    records = json.loads(quickstudy(*command, "--json")[1])["test"]
    assert [(each["setting"], each["support"]) for each in records] == [
        (f"{test}, {count} given", count) for count in (0, 9) for test in ("further points", "all points")
    ]
    nothing, _, much, _ = records
    assert nothing["oracle"] == nothing["prior"]
    assert nothing["share_closed"] is None
    assert much["oracle"]["mean"] > much["prior"]["mean"] + 0.5
    out = quickstudy(*command)[1]
    assert out.count("given") == 4
    assert "20 tasks each" in out


def test_tests_that_differ_by_the_points_given_alone_become_one(quickstudy, weights) -> None:
    command = ("evaluate", weights("gp-general"), "--tasks", 10, "--support", 3, 7, "--json")
    records = json.loads(quickstudy(*command)[1])["test"]
    assert [(each["setting"], each["support"]) for each in records] == [
        (f"{kind}{count} given", count) for count in (3, 7) for kind in ("", "broader kinds, ")
    ]
    assert records[0]["oracle"] != records[1]["oracle"], "curves of other kinds"


def test_points_can_lie_where_the_training_never_was(quickstudy, curves: Path) -> None:
    def record(*places: object) -> dict:
        return json.loads(quickstudy("evaluate", curves, "--tasks", 20, "--json", *places)[1])["test"][0]

    moved, beyond = record("--range", -4, 8), record("--query-range", 20, 21)
    assert (moved["range"], moved["query_range"]) == ([-4, 8], [-4, 8])
    assert (beyond["range"], beyond["query_range"]) == ([-2, 2], [20, 21])
    assert moved["oracle"]["mean"] > moved["prior"]["mean"] + 0.05
    assert beyond["oracle"]["mean"] == pytest.approx(beyond["prior"]["mean"], abs=1e-6)
    out = quickstudy("evaluate", curves, "--tasks", 10, "--range", -4, 8, "--query-range", 20, 21)[1]
    assert "from -4 to 8, queries from 20 to 21" in out


def test_pictures_are_left_where_they_are_wanted(quickstudy, curves: Path, tmp_path: Path) -> None:
    command = ("evaluate", curves, "--tasks", 10, "--pictures", tmp_path / "new", "--json")
    code, out, err = quickstudy(*command)
    assert code == 0
    assert json.loads(out)["tasks"] == 10
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"functions.png", "calibration.png"}
    assert err.count("picture ") == 2
    quickstudy(*command, "--support", 0, 1, 2)
    assert (tmp_path / "new" / "likelihood.png").exists()


def test_of_one_task_the_json_is_strict_and_the_table_says_that_there_is_no_interval(quickstudy, curves: Path) -> None:
    command = ("evaluate", curves, "--tasks", 1, "--support", 3)
    for record in json.loads(quickstudy(*command, "--json")[1], parse_constant=pytest.fail)["test"]:
        assert record["log_likelihood"]["mean"] is not None
        assert record["log_likelihood"]["interval95"] is record["coverage90"]["interval95"] is None
    assert quickstudy(*command)[1].count(", no interval") == 2


@pytest.mark.parametrize(
    ("recipe", "arguments", "complaint"),
    [
        ("gp-cnp", ["--support", "-1"], "number from 0"),
        ("gp-cnp", ["--range", "2", "-2"], "lower end first"),
        ("gp-cnp", ["--query-range", "2", "2"], "lower end first"),
        ("gp-cnp", ["--range", "0", "inf"], "--range 0 inf was given, but two finite numbers"),
        ("gp-cnp", ["--query-range", "nan", "1"], "--query-range nan 1 was given, but two finite numbers"),
        ("gp-cnp", ["--seed", "-1"], "The seed -1 was given"),
        ("gp-cnp", ["--ways", "3"], "--ways: "),
        ("gp-cnp", ["--device", "abacus"], "No device 'abacus'"),
        ("glyphs-protonet", ["--support", "5"], "--support: "),
        ("glyphs-protonet", ["--range", "2", "3", "--pictures", "x"], "--range, --pictures: "),
    ],
)
def test_a_mistake_has_one_clear_message(
    quickstudy, weights, recipe: str, arguments: list[str], complaint: str
) -> None:
    code, out, err = quickstudy("evaluate", weights(recipe), "--tasks", 10, *arguments)
    assert (code, out) == (2, "")
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err


def test_images_have_pixels_given_but_no_range(quickstudy, weights, made_up_omniglot: None, tmp_path: Path) -> None:
    folder = weights("omniglot-completion-cnp")
    command = ("evaluate", folder, "--tasks", 10)
    records = json.loads(quickstudy(*command, "--support", 20, "--pictures", tmp_path, "--json")[1])["test"]
    assert [(each["support"], each["order"]) for each in records] == [(20, "random"), (20, "from the top")]
    assert "range" not in records[0]
    assert {path.name for path in tmp_path.iterdir()} == {"completions.png", "calibration.png"}
    code, _, err = quickstudy(*command, "--range", 0, 1)
    assert code == 2
    assert "--range was given" in " ".join(err.split())
