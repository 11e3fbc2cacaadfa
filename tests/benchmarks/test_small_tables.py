"""Small tables: every classifier reads the same draws, and queries are no examples."""

import json
from pathlib import Path

import numpy as np

import small_tables


def test_draws_have_the_rows_of_each_class_and_other_queries() -> None:
    for draw in small_tables.draws("iris", 5, small_tables.Options(draws=3)):
        assert np.bincount(draw.y).tolist() == [5, 5, 5]
        assert len(draw.queries) == 135
        # Iris holds a few equal rows.
        assert (draw.x[:, None] == draw.queries[None]).all(axis=2).sum() < 3


def test_every_classifier_is_measured_and_stored(tmp_path: Path) -> None:
    out = tmp_path / "small_tables.json"
    options = small_tables.Options(tables=("iris",), rows=(5,), draws=2, learners=("table-means",), out=out)
    assert small_tables.main(options) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [row["classifier"] for row in rows] == ["table-means", *small_tables.USUAL]
    assert min(row["accuracy"]["mean"] for row in rows) > 0.6
    assert max(row["log_loss"]["mean"] for row in rows) < 2
