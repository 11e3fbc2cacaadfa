"""Meta Networks batched are compared with loops that give the same loss and the same gradients."""

import json

import pytest
import torch

import metanet_step
from metanet_step import BATCHED, BY_TASK, OTHERS, USUAL, Contenders, Setting

SMALL = Setting(3, 1, 2)
SIZES = {"num_tasks": 2, "channels": 4}


@pytest.mark.parametrize("way", OTHERS)
def test_all_ways_have_the_same_loss_and_gradients(way: str) -> None:
    contenders = Contenders(SMALL, **SIZES)

    def gradients(of: str) -> list[torch.Tensor]:
        contenders.learner.zero_grad()
        contenders.loss(of).backward()
        return [p.grad.clone() for p in contenders.learner.parameters() if p.grad is not None]

    torch.testing.assert_close(contenders.loss(way), contenders.loss(BATCHED), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradients(way), gradients(BATCHED), atol=1e-5, rtol=1e-3)


def test_a_step_counts_its_tasks_and_changes_the_weights() -> None:
    contenders = Contenders(SMALL, **SIZES)
    before = contenders.learner.base.slow[0].weight.detach().clone()
    assert contenders.step(USUAL)() == 2
    assert not torch.equal(contenders.learner.base.slow[0].weight, before)


def test_the_record_holds_every_way(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(metanet_step, "SETTINGS", (SMALL,))
    monkeypatch.setattr(metanet_step, "keep_freed_memory", lambda: None)
    out = tmp_path / "results" / "metanet_step.json"
    assert metanet_step.main(metanet_step.Options(out=out, rounds=1, seconds=0.01)) == 0
    (record,) = json.loads(out.read_text())["settings"]
    assert list(record["tasks_per_second"]) == [BATCHED, BY_TASK, USUAL]
    assert record["difference"] < 1e-3
    assert list(record["ratio"]) == list(OTHERS)
    assert "3-way 1-shot" in capsys.readouterr().out
