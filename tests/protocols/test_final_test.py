import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from quickstudy.core import UserError, save_checkpoint
from quickstudy.datasets import omniglot
from quickstudy.learners import MAML
from quickstudy.protocols import FinalResult, FinalTest
from quickstudy.recipes import build

ARGUMENTS = {"test_steps": 1, "split": "vinyals"}


@pytest.fixture
def trained(tmp_path: Path) -> FinalTest:
    experiment = build("omniglot-maml-dense", ARGUMENTS)
    header = {"format": 2, "recipe": "omniglot-maml-dense", "arguments": ARGUMENTS, "step": 0}
    save_checkpoint(tmp_path / "best.safetensors", experiment.learner.state_dict(), header)
    return FinalTest("omniglot-maml-dense", tmp_path, experiment, 4, 0, None, tmp_path / "metrics.csv")


def test_it_asks_for_the_test_classes_alone_upright_and_as_they_were_drawn(
    trained: FinalTest, few_characters, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    adapt = MAML.adapt

    def noted(self: MAML, support_x: torch.Tensor, *more: Any, **options: Any) -> Any:
        shown.extend(few_characters.read(support_x))
        return adapt(self, support_x, *more, **options)

    monkeypatch.setattr(MAML, "adapt", noted)
    trained.measure()
    assert shown
    assert {seen.orientation for seen in shown} == {(0, False)}
    assert {seen.character for seen in shown} <= set(omniglot.split("vinyals").test)


def _stored(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def test_figures_are_kept_before_anything_is_drawn_and_then_with_pictures(trained: FinalTest, few_characters) -> None:
    done: list[tuple[str, int]] = []
    found = trained.measure(lambda title, count: done.append((title, count)))
    assert done == [("5-way 1-shot", 4), ("5-way 5-shot", 4)]
    assert list(found.rows) == [row["setting"] for row in found.record()["test"]] == ["5-way 1-shot", "5-way 5-shot"]
    assert _stored(trained.folder) == found.record()
    assert found.record()["picture"] is None
    assert {row["tasks"] for row in found.record()["test"]} == {4}
    assert found.draw() == []
    assert found.record()["picture"] == str(trained.folder / "episode.png")
    assert _stored(trained.folder) == found.record()
    assert (trained.folder / "episode.png").exists()


def test_the_seed_decides_the_tasks(trained: FinalTest, few_characters) -> None:
    found = []
    for seed in (0, 0, 1):
        again = replace(trained, seed=seed).measure()
        found.append([row["negative_log_likelihood"] for row in again.record()["test"]])
    assert found[0] == found[1] != found[2]


def test_a_missing_library_costs_only_the_pictures_that_need_it(tmp_path: Path) -> None:
    def fails() -> None:
        raise UserError("no library")

    drawings = {tmp_path / "a.png": fails, tmp_path / "b.png": lambda: None, tmp_path / "c.png": fails}
    found = FinalResult("tiny", tmp_path, "queries", {}, {"test": []}, drawings)
    assert found.draw() == ["no picture a.png: no library", "no picture c.png: no library"]
    assert found.drawn == [tmp_path / "b.png"]
    assert _stored(tmp_path)["picture"] == str(tmp_path / "b.png")
