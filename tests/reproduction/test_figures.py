import pytest

from quickstudy.reproduction import Comparison, Figure, compared, figures_of, weights


def figure(mean: float, interval95: float, key: str = "accuracy") -> Figure:
    return Figure("w", "5-way 1-shot", ("--ways", "5"), key, 100.0, 98.8, mean, interval95)


@pytest.mark.parametrize(
    ("mean", "interval95", "verdict"),
    [
        (0.98, 0.003, "same"),
        (0.984, 0.003, "same"),
        (0.99, 0.003, "higher"),
        (0.97, 0.003, "lower"),
        (0.977, 0.0, "same"),
    ],
)
def test_the_verdict_depends_on_both_intervals_together(mean: float, interval95: float, verdict: str) -> None:
    assert Comparison(figure(0.98, 0.004), mean, interval95).verdict == verdict


def test_a_figure_is_found_by_names_and_places() -> None:
    output = {"accuracy_by_instance": [{"mean": 0.2, "interval95": 0.1}, {"mean": 0.7, "interval95": None}]}
    found = compared(figure(0.6, 0.01, "accuracy_by_instance.1"), output)
    assert (found.mean, found.interval95) == (0.7, 0.0)
    assert found.difference == pytest.approx(0.1)


def test_stored_figures_are_of_weights_that_can_be_reproduced() -> None:
    known = [figure for name in weights() for figure in figures_of(name)]
    assert known
    for each in known:
        assert each.mean == each.mean
        assert each.interval95 >= 0
        assert "--json" not in each.options
    assert figures_of("omniglot-nearest") == []
