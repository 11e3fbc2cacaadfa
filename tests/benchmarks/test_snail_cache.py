"""SNAIL's cache is compared with ways that give the same answers and learn the same."""

import json

import pytest
import torch
from torch.optim import SGD

import snail_cache
from snail_cache import CACHED, NAIVE, OTHERS, SINGLY, TILED, Contenders, Setting

SMALL = Setting(3, 2)
SIZES = {"filters": 4, "attention": ((4, 4), (4, 4), (4, 4))}


def test_queries_are_answered_as_many_at_a_time_as_the_ways_name_says() -> None:
    contenders = Contenders(SMALL, **SIZES)
    counts = {way: contenders.answering(way)() for way in (CACHED, *OTHERS)}
    assert counts == {CACHED: 45, TILED: 20, NAIVE: 20, SINGLY: 1}
    naive = contenders.training(NAIVE)
    assert [naive() for _ in range(4)] == [20, 20, 5, 20]


def test_all_ways_give_the_same_answers() -> None:
    contenders = Contenders(SMALL, **SIZES)
    with torch.no_grad():
        expected = contenders.logits(CACHED)
        for way in OTHERS:
            parts = [contenders.logits(way, part) for part in snail_cache.parts_of(way, 45)]
            torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-5, rtol=0)


def test_all_ways_learn_the_same_from_a_task() -> None:
    def trained(way: str) -> list[torch.Tensor]:
        contenders = Contenders(SMALL, **SIZES)
        before = [parameter.detach().clone() for parameter in contenders.learner.parameters()]
        contenders.optimiser = SGD(contenders.learner.parameters(), lr=1.0)
        step = contenders.training(way)
        assert sum(step() for _ in snail_cache.parts_of(way, 45)) == 45
        return [after.detach() - then for after, then in zip(contenders.learner.parameters(), before, strict=True)]

    expected = trained(CACHED)
    assert max(float(change.abs().max()) for change in expected) > 1e-3
    for way in OTHERS:
        torch.testing.assert_close(trained(way), expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("way", [CACHED, *OTHERS])
def test_as_many_images_are_embedded_as_the_record_says(way: str) -> None:
    contenders = Contenders(SMALL, **SIZES)
    embedded = []
    contenders.learner.encoder.register_forward_hook(lambda _, images, __: embedded.append(images[0].numel() // 28**2))
    with torch.no_grad():
        for part in snail_cache.parts_of(way, 45):
            contenders.logits(way, part)
    assert sum(embedded) == snail_cache.images_of(way, SMALL)


def test_the_record_holds_every_way_and_what_arithmetic_alone_would_give() -> None:
    record = snail_cache.measure(SMALL, rounds=2, seconds=0.01, **SIZES)
    assert (record["ways"], record["shots"], record["queries"]) == (3, 2, 45)
    assert record["difference"] < 1e-4
    assert record["images"] == {CACHED: 51, TILED: 63, NAIVE: 315, SINGLY: 315}
    assert record["images_ratio"] == {TILED: 63 / 51, NAIVE: 315 / 51, SINGLY: 315 / 51}
    for activity in ("answering", "training"):
        rates = record[activity]["queries_per_second"]
        assert {way: len(rounds) for way, rounds in rates.items()} == dict.fromkeys((CACHED, *OTHERS), 2)
        assert record[activity]["ratio"][SINGLY]["maximum"] == max(record[activity]["ratios"][SINGLY])
    json.dumps(record)


def test_the_arithmetic_of_the_settings_is_the_papers_sequence_beside_ours() -> None:
    counted = [
        snail_cache.images_of(NAIVE, setting) / snail_cache.images_of(CACHED, setting)
        for setting in snail_cache.SETTINGS
    ]
    assert counted == [75 * 6 / 80, 300 * 101 / 400]


def test_the_file_says_how_much_of_a_ratio_is_arithmetic(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(snail_cache, "SETTINGS", (Setting(3, 1),))
    monkeypatch.setattr(snail_cache, "keep_freed_memory", lambda: None)
    out = tmp_path / "results" / "snail_cache.json"
    assert snail_cache.main(snail_cache.Options(out=out, rounds=1, seconds=0.01)) == 0
    written = json.loads(out.read_text())
    assert "3.8 at 3-way 1-shot with 45 queries" in written["protocol"]["arithmetic"]
    assert list(written["protocol"]["contenders"]) == list(written["settings"][0]["images"])
    assert "180 (3.8 ×)" in capsys.readouterr().out
