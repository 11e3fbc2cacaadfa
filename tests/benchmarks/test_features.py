"""Classifiers are compared on the same features and the same tasks."""

import json
from pathlib import Path

import numpy as np
import pytest

import features
from quickstudy.core import UserError


def _clusters(classes: int = 6, examples: int = 4) -> features.Features:
    random = np.random.default_rng(0)
    centres = random.normal(size=(classes, 1, 16))
    return dict(zip("abcdef", centres + 0.2 * random.normal(size=(classes, examples, 16)), strict=True))


def test_queries_are_no_examples() -> None:
    for x, y, queries, labels in features.tasks(_clusters(), 4, 2, features.Options(tasks=3)):
        assert x.shape == (8, 16)
        assert y.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        assert labels.tolist() == [0, 1, 2, 3]
        assert not (x[:, None] == queries[None]).all(axis=2).any()
    with pytest.raises(UserError, match="6 classes have more than 2 images"):
        next(features.tasks(_clusters(), 7, 2, features.Options()))


def test_every_contender_is_measured_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(features, "encoded", lambda folder, options: _clusters())
    out = tmp_path / "features.json"
    assert features.main(tmp_path, features.Options(ways=(3,), tasks=5, out=out)) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [row["classifier"] for row in rows] == list(features.CONTENDERS)
    assert min(row["accuracy"]["mean"] for row in rows) > 0.9
    assert len(capsys.readouterr().out.splitlines()) == len(rows)


def test_classes_that_settings_were_chosen_by_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "1.txt").write_text("a text")
    monkeypatch.setattr(features, "as_encoder", lambda name: lambda texts: np.zeros((len(texts), 2)))
    chosen = features.encoded(tmp_path, features.Options(encoder="text", classes=3))
    left = features.encoded(tmp_path, features.Options(encoder="text", skip=3))
    assert (len(chosen), len(left)) == (3, 4)
    assert chosen.keys() | left.keys() == set("0123456")
