"""The cost of a support is measured for every learner at every size, and the picture names each."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import growth

NAMES = ["ProtoNet", "CNP", "transformer", "SNAIL", "MANN"]


def made_up(ends: dict[str, float]) -> list[dict[str, Any]]:
    """Adapting takes the given milliseconds, answering always one."""

    def steps(adapting: float) -> dict[str, Any]:
        places = ("minimum", "median", "maximum")
        return {"adapting": dict.fromkeys(places, adapting), "answering": dict.fromkeys(places, 1.0)}

    milliseconds = {name: steps(end) for name, end in ends.items()}
    return [{"support": support, "queries": 75, "milliseconds": milliseconds} for support in (5, 10)]


def test_the_record_holds_both_steps_of_every_learner_at_every_size() -> None:
    records = growth.measure(2, 0.001, shots=(1, 2))
    assert [(record["support"], record["queries"]) for record in records] == [(5, 75), (10, 75)]
    for record in records:
        assert list(record["milliseconds"]) == NAMES
        for steps in record["milliseconds"].values():
            assert list(steps) == [growth.ADAPTING, growth.ANSWERING]
            assert all(0 < step["minimum"] <= step["median"] <= step["maximum"] for step in steps.values())
    json.dumps(records)


def test_milliseconds_are_those_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "paired_rates", lambda works, *_: {name: [100.0, 500.0, 200.0] for name in works})
    (record,) = growth.measure(3, 1.0, shots=(1,))
    assert record["milliseconds"]["MANN"]["answering"] == {"minimum": 2.0, "median": 5.0, "maximum": 10.0}


def test_learners_answer_for_the_largest_support_they_are_built_for() -> None:
    tasks = growth.random_task(growth.Setting(5, 3), (growth.FEATURES,))
    for name, learner in growth.learners(15).items():
        prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
        assert prediction.logits.shape == (1, 75, 5), name


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([1.0, 5.0, 9.0], [1.0, 5.0, 9.0]),
        ([1.0, 1.0], [0.5, 1.5]),
        ([1.0, 1.5, 9.0], [0.75, 1.75, 9.0]),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        ([0.0, 0.5, 1.1, 1.2], [-0.8, 0.2, 1.2, 2.2]),
    ],
)
def test_names_are_moved_apart_in_order_and_only_where_they_must(heights: list[float], expected: list[float]) -> None:
    named = {f"line {index}": height for index, height in enumerate(heights)}
    assert list(growth.spaced(named, 1.0).values()) == pytest.approx(expected)
    assert list(growth.spaced(named, 1.0)) == list(named)


@pytest.mark.parametrize("ends", [[0.1, 1.0, 10.0, 100.0, 300.0], [3.0] * 5])
def test_the_picture_is_drawn_however_the_lines_lie(tmp_path: Path, ends: list[float]) -> None:
    picture = tmp_path / "docs" / "growth.png"
    growth.draw(picture, made_up(dict(zip(NAMES, ends, strict=True))))
    with Image.open(picture) as image:
        assert 1.5 * image.height < image.width < 3 * image.height
        assert len(image.convert("RGB").getcolors(1 << 20)) > 100


def test_stored_figures_are_shown_and_drawn_without_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(growth, "measure", lambda *_: made_up(dict.fromkeys(NAMES, 12.5)))
    out, picture = tmp_path / "results" / "growth.json", tmp_path / "growth.png"
    assert growth.main(growth.Options(out=out)) == 0
    assert not picture.exists()
    monkeypatch.setattr(growth, "measure", None)
    capsys.readouterr()
    assert growth.main(growth.Options(out=out, stored=True, picture=picture)) == 0
    assert "12.50" in capsys.readouterr().out
    assert picture.exists()
