"""How long adapting and one query take."""

import json
from pathlib import Path

import pytest

import latency


def test_contenders_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []

    def turn(name: str, first: float) -> latency.Turn:
        times = iter([(99.0, 99.0), (first, 1.0), (3.0, 2.0)])

        def one() -> tuple[float, float]:
            calls.append(name)
            return next(times)

        return one

    rows = latency.measure({"a": turn("a", 1.0), "b": turn("b", 5.0)}, rounds=2)
    assert calls == ["a", "b", "a", "b", "b", "a"]
    assert rows[0]["adapt_ms"] == {"median": 2.0, "minimum": 1.0}
    assert rows[1]["query_ms"] == {"median": 1.5, "minimum": 1.0}


def test_the_task_has_five_classes_of_five_and_one_query() -> None:
    support_x, support_y, query_x = latency.task()
    assert support_x.shape == (1, 25, 1, 28, 28)
    assert support_y[0].bincount().tolist() == [5] * 5
    assert query_x.shape == (1, 1, 1, 28, 28)
    assert 0.5 < float(support_x.max()) <= 1


def test_a_learner_and_the_logistic_regression_are_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "latency.json"
    assert latency.main(("omniglot-transformer",), latency.Options(rounds=1, out=out)) == 0
    stored = json.loads(out.read_text())
    assert [row["learner"] for row in stored["rows"]] == [latency.LOGISTIC, "omniglot-transformer"]
    assert min(row["adapt_ms"]["minimum"] for row in stored["rows"]) > 0
    assert len(capsys.readouterr().out.splitlines()) == 2
