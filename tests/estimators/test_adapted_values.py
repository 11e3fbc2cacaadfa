"""One task of values of any size, whose parts are averaged."""

import numpy as np
import pytest

from quickstudy.core import UserError
from quickstudy.estimators.adapted_values import AdaptedRegressor
from quickstudy.estimators.chosen import choose

X = np.linspace(0, 6, 30)[:, None]
Y = np.sin(X[:, 0])


def test_parts_have_at_most_so_many_points() -> None:
    adapted = AdaptedRegressor(choose("gp-general")).adapt(X, Y, max_points=12, seed=0)
    assert len(adapted.states) == 3
    mean, deviation = adapted.mean_and_deviation(X)
    assert np.abs(mean - Y).max() < 0.3
    assert (deviation > 0).all()


def test_the_deviation_counts_how_parts_differ() -> None:
    adapted = AdaptedRegressor(choose("gp-general")).adapt(X, Y, max_points=4, seed=0)
    alone = AdaptedRegressor(choose("gp-general"))
    alone.states = adapted.states[:1]
    parts = []
    for state in adapted.states:
        alone.states = [state]
        parts.append(alone.mean_and_deviation(X)[0])
    _, deviation = adapted.mean_and_deviation(X)
    assert (deviation >= np.std(parts, axis=0) - 1e-6).all()


def test_quantiles_rise_and_the_median_of_a_normal_is_its_mean() -> None:
    adapted = AdaptedRegressor(choose("gp-cnp")).adapt(X / 2 - 1.5, Y, 100, 0)
    found = adapted.quantiles(X / 2 - 1.5, [0.1, 0.5, 0.9])
    assert (np.diff(found, axis=1) > 0).all()
    np.testing.assert_allclose(found[:, 1], adapted.mean_and_deviation(X / 2 - 1.5)[0], atol=1e-4)


def test_no_queries_give_no_predictions() -> None:
    adapted = AdaptedRegressor(choose("gp-general")).adapt(X, Y, 100, 0)
    assert adapted.mean_and_deviation(X[:0])[0].shape == (0,)
    assert adapted.quantiles(X[:0], [0.5]).shape == (0, 1)


def test_what_cannot_go_on_says_so() -> None:
    with pytest.raises(UserError, match="cannot go on learning"):
        AdaptedRegressor(choose("gp-general")).extend(X, Y)
    split = AdaptedRegressor(choose("gp-cnp")).adapt(X, Y, 10, 0)
    with pytest.raises(UserError, match="split into parts"):
        split.extend(X, Y)


def test_another_number_of_columns_is_refused_in_the_words_of_a_table() -> None:
    y = np.zeros(5)
    with pytest.raises(UserError, match=r"'gp-cnp' reads 1 column, but 2 came\. .* such as 'table-gp'"):
        AdaptedRegressor(choose("gp-cnp")).adapt(np.zeros((5, 2)), y, 500, 0)
    with pytest.raises(UserError, match="'omniglot-completion-cnp' reads 2 columns, but 1 came"):
        AdaptedRegressor(choose("omniglot-completion-cnp")).extend(np.zeros((5, 1)), y)
