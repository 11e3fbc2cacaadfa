"""Several genomes are trained, and no test function decides which is kept."""

import json
from pathlib import Path

import pytest
import torch

import blur_genomes
from blur_genomes import Chosen, Options
from quickstudy.learners import BLUR

FEW = {"genomes": 2, "candidates": 3, "steps": 2, "every": 1, "updates": (0, 1, 2), "tasks": 3}


def test_genomes_with_the_lowest_loss_of_some_are_trained() -> None:
    few = blur_genomes.candidates(Options(genomes=2, candidates=6))
    all_six = blur_genomes.candidates(Options(genomes=6, candidates=6))
    for one, other in zip(few, all_six[:2], strict=True):
        assert torch.equal(one.genome.up, other.genome.up)


def test_the_best_genome_is_kept_with_its_synapses() -> None:
    bad, good = BLUR(2, hidden=(24,)), BLUR(2, hidden=(24,), start="gradient", seed=3)
    with torch.no_grad():
        bad.genome.up.zero_()
        bad.genome.up[0, 0] = -1.0
    best = Chosen()
    blur_genomes.validate([good], 7, best, Options())
    assert best.learner is not None
    kept = best.learner
    assert all(torch.equal(one, other) for one, other in zip(kept.buffers(), good.buffers(), strict=True))
    score = best.score
    blur_genomes.validate([bad], 8, best, Options())
    assert best.score >= score


@pytest.mark.parametrize("by", ["gradients", "cma-es"])
def test_figures_of_all_functions_are_written(tmp_path: Path, by) -> None:
    if by == "cma-es":
        pytest.importorskip("cma")
    options = Options(**FEW, by=by, out=tmp_path / "out.json")
    assert blur_genomes.main(options) == 0
    found = json.loads(options.out.read_text())
    parts = {record["function"]: record["part"] for record in found["records"]}
    assert parts["nxor"] == parts["and"] == parts["quadrant"] == "test"
    assert not set(found["protocol"]["chosen on"]) & {name for name, part in parts.items() if part == "test"}
    assert len(found["genome"]) == 20
    assert all(record["accuracy"] in record["by_updates"].values() for record in found["records"])
