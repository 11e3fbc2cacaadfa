import json
from pathlib import Path
from typing import Any

import pytest
import torch

from quickstudy.cli.testing import FinalTest
from quickstudy.core import save_checkpoint
from quickstudy.datasets import omniglot
from quickstudy.learners import MAML
from quickstudy.recipes import build

ARGUMENTS = {"test_steps": 1, "split": "vinyals"}


@pytest.fixture
def trained(tmp_path: Path) -> FinalTest:
    experiment = build("omniglot-maml-dense", ARGUMENTS)
    header = {"recipe": "omniglot-maml-dense", "arguments": ARGUMENTS, "step": 0}
    save_checkpoint(tmp_path / "best.safetensors", experiment.learner.state_dict(), header)
    return FinalTest("omniglot-maml-dense", tmp_path, experiment, 4, 0, None)


def test_it_asks_for_the_test_classes_alone_upright_and_as_they_were_drawn(
    trained: FinalTest, few_characters, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    adapt = MAML.adapt

    def noted(self: MAML, support_x: torch.Tensor, *more: Any, **options: Any) -> Any:
        shown.extend(few_characters.read(support_x))
        return adapt(self, support_x, *more, **options)

    monkeypatch.setattr(MAML, "adapt", noted)
    trained.go(as_json=False)
    assert shown
    assert {seen.orientation for seen in shown} == {(0, False)}
    assert {seen.character for seen in shown} <= set(omniglot.split("vinyals").test)


def test_figures_are_printed_kept_and_drawn(
    trained: FinalTest, few_characters, capsys: pytest.CaptureFixture[str]
) -> None:
    trained.go(as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((trained.folder / "evaluation.json").read_text())
    assert [row["setting"] for row in printed["test"]] == ["5-way 1-shot", "5-way 5-shot"]
    assert {row["tasks"] for row in printed["test"]} == {4}
    assert printed["picture"] == str(trained.folder / "episode.png")
    assert (trained.folder / "episode.png").exists()
    trained.go(as_json=False)
    assert "5-way 5-shot" in capsys.readouterr().out


def test_the_seed_decides_the_tasks(trained: FinalTest, few_characters, capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for seed in (0, 0, 1):
        again = FinalTest(trained.recipe, trained.folder, trained.experiment, 4, seed, None)
        again.go(as_json=True)
        found.append([row["negative_log_likelihood"] for row in json.loads(capsys.readouterr().out)["test"]])
    assert found[0] == found[1] != found[2]
