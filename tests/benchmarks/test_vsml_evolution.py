"""A cell evolves, and is measured before and after on tasks of its size and of another."""

import json
from pathlib import Path

import torch

import vsml_evolution
from vsml_evolution import Options

FEW = {"steps": 2, "members": 4, "tasks_per_member": 2, "examples": 5, "tasks": 20}


def test_figures_before_and_after_are_written(tmp_path: Path) -> None:
    options = Options(**FEW, out=tmp_path / "out.json")
    assert vsml_evolution.main(options) == 0
    found = json.loads(options.out.read_text())
    assert [record["title"] for record in found["records"]] == ["before", "after", "after, 12 inputs and 2 classes"]
    assert all(len(record["by_example"]) == 20 for record in found["records"])
    assert len(found["loss"]) == 2
    assert found["provenance"]["commit"]


def test_the_first_weights_are_those_of_the_seed() -> None:
    one, again, other = (vsml_evolution.untrained(Options(seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one.cell.gates.weight, again.cell.gates.weight)
    assert not torch.equal(one.cell.gates.weight, other.cell.gates.weight)


def test_an_odd_number_of_members_is_refused(tmp_path: Path) -> None:
    assert vsml_evolution.main(Options(**FEW | {"members": 3}, out=tmp_path / "out.json")) == 2
    assert not (tmp_path / "out.json").exists()
