"""BLUR's genome is chosen on characters, and descent beside it learns."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import blur_digits
from blur_digits import Options
from quickstudy.tasks import Episodes, Layout


@pytest.fixture
def few(tmp_path: Path) -> Options:
    return Options(genomes=2, candidates=2, steps=1, every=1, hidden=4, updates=3, shots=2, runs=3,
                   out=tmp_path / "out.json")  # fmt: skip


def random_characters(part: str, queries: int, options: Options) -> Episodes:
    generator = torch.Generator().manual_seed(len(part))
    return Episodes(torch.randn(12, 8, 64, generator=generator), Layout(10, options.shots, queries))


def test_figures_of_both_learners_are_written(few: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(blur_digits, "characters", random_characters)
    assert blur_digits.main(few) == 0
    found = json.loads(few.out.read_text())
    assert [record["learner"] for record in found["records"]] == ["BLUR", "gradient descent"]
    assert all(len(record["by_updates"]) == 4 for record in found["records"])
    assert found["chosen"]["candidate"] in (0, 1)


def test_genomes_start_at_random_or_near_gradient_descent(few: Options) -> None:
    near, random = (blur_digits.new(0, replace(few, start=start)) for start in ("gradient", "random"))
    assert torch.equal(near.genome.before, torch.eye(2))
    assert not torch.equal(random.genome.before, torch.eye(2))


def test_descent_learns_classes_that_are_far_apart(few: Options) -> None:
    centres = 3 * torch.randn(10, 1, 64, generator=torch.Generator().manual_seed(0))
    episodes = Episodes(centres + 0.1 * torch.randn(10, 8, 64), Layout(10, 2, 5))
    tasks = episodes.sample(3, torch.Generator().manual_seed(0))
    right_UT = blur_digits.by_descent(tasks, 0.3, Options(updates=30, hidden=32))
    assert right_UT[0].mean() < 0.4
    assert right_UT[-1].mean() > 0.9


def test_no_digit_is_in_support_and_queries(few: Options) -> None:
    pytest.importorskip("sklearn")
    tasks = blur_digits.digits(few)
    assert tasks.support_x.shape == (3, 20, 64)
    distances = torch.cdist(tasks.support_x, tasks.query_x)
    assert (distances > 0).float().mean() > 0.999
