"""Digits are named by weights that never saw one, beside the nearest neighbour on raw pixels."""

import json
from pathlib import Path

import numpy as np
import pytest

import digits


def test_queries_are_no_examples() -> None:
    _, y = digits.data_sets()["scikit-learn digits"]
    for support, query in digits.tasks(y, 3, digits.Options(tasks=2)):
        assert not set(support) & set(query)
        assert np.bincount(y[support]).tolist() == [3] * 10
        assert np.bincount(y[query]).tolist() == [5] * 10


def test_a_learner_beats_raw_pixels_and_both_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"scikit-learn digits": digits.data_sets()["scikit-learn digits"]}
    monkeypatch.setattr(digits, "data_sets", lambda: small)
    out = tmp_path / "digits.json"
    assert digits.main(("omniglot-transformer",), digits.Options(tasks=8, shots=(1,), draws=(1, 2), out=out)) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [(row["learner"], row["draws"]) for row in rows] == [
        ("raw pixels", 1),
        ("omniglot-transformer", 1),
        ("omniglot-transformer", 2),
    ]
    pixels, *learners = (row["accuracy"]["mean"] for row in rows)
    assert min(learners) > pixels + 0.05
    assert len(capsys.readouterr().out.splitlines()) == 3
    # Another call on the same tasks measures what is missing, and one on other tasks measures all.
    assert digits.main((), digits.Options(tasks=8, shots=(), draws=(1, 2), out=out)) == 0
    assert digits.main(("omniglot-transformer",), digits.Options(tasks=8, shots=(1,), draws=(1,), out=out)) == 0
    assert capsys.readouterr().out == ""
    assert len(digits.stored(digits.Options(tasks=8, out=out))) == 3
    assert digits.stored(digits.Options(tasks=9, out=out)) == []
