"""MAML's step is compared with ways that learn the same."""

import json

import pytest
import torch

import maml_step
from maml_step import AT_ONCE, CLONING, LOOP, MAPPED, OTHERS, Contenders, Setting

SMALL = Setting(3, 2, ways=3)


@pytest.mark.parametrize("setting", [SMALL, SMALL._replace(inner_steps=1)])
def test_all_ways_learn_the_same_from_the_tasks(setting: Setting) -> None:
    assert maml_step.difference(setting, channels=4) < 1e-9


@pytest.mark.parametrize("way", [AT_ONCE, *OTHERS])
def test_a_step_moves_every_weight_and_counts_its_tasks(way: str) -> None:
    contenders = Contenders(SMALL, channels=4)
    before = [weight.detach().clone() for weight in contenders.learner.parameters()]
    assert contenders.training(way)() == 3
    assert not any(torch.equal(*pair) for pair in zip(before, contenders.learner.parameters(), strict=True))


def test_a_clone_has_weights_of_its_own_whose_gradients_reach_the_modules() -> None:
    modules = maml_step.as_modules(Contenders(SMALL, channels=4).learner.network.first)
    clone = maml_step.cloned(modules)
    assert clone[0].weight is not modules[0].weight
    clone(torch.rand(3, 1, 28, 28)).sum().backward()
    assert modules[0].weight.grad is not None


def test_the_record_holds_every_way() -> None:
    record = maml_step.measure(SMALL, rounds=2, seconds=0.01, channels=4)
    assert {way: len(rates) for way, rates in record["tasks_per_second"].items()} == dict.fromkeys(
        (AT_ONCE, *OTHERS), 2
    )
    assert record["ratio"][CLONING]["maximum"] == max(record["ratios"][CLONING])
    assert set(record["ratio"]) == {CLONING, LOOP, MAPPED}
    json.dumps(record)


def test_the_file_says_what_was_compared_where(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(maml_step, "SETTINGS", (SMALL,))
    monkeypatch.setattr(maml_step, "keep_freed_memory", lambda: None)
    out = tmp_path / "results" / "maml_step.json"
    options = maml_step.Options(out=out, rounds=1, seconds=0.01)
    assert maml_step.main(options, lambda *arguments: maml_step.measure(*arguments, channels=4)) == 0
    written = json.loads(out.read_text())
    assert list(written["protocol"]["contenders"]) == list(written["settings"][0]["tasks_per_second"])
    assert written["provenance"]["threads"] == 1
    assert "3 tasks, 3-way 1-shot, 2 inner steps" in capsys.readouterr().out
