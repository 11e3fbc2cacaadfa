"""Values are predicted with their uncertainty, with the interface that users of scikit-learn know."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import cross_val_score

from quickstudy.core import UserError
from quickstudy.estimators import FewShotRegressor


@pytest.fixture
def curve() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.uniform(0, 10, 40)
    return x[:, None], np.sin(x) + 0.1 * random.normal(size=40)


def test_a_curve_goes_to_the_learner_of_curves(curve) -> None:
    regressor = FewShotRegressor().fit(*curve)
    assert regressor.learner_name_ == "gp-general"
    x = np.linspace(1, 9, 30)[:, None]
    mean, deviation = regressor.predict(x, return_std=True)
    assert np.abs(mean - np.sin(x[:, 0])).mean() < 0.15
    assert mean.shape == deviation.shape == (30,)
    far = regressor.predict(np.array([[60.0]]), return_std=True)[1]
    assert far > 2 * deviation.mean()


def test_quantiles_enclose_as_much_as_they_say(curve) -> None:
    x, y = curve
    regressor = FewShotRegressor().fit(x[::2], y[::2])
    found = regressor.predict(x[1::2], quantiles=[0.05, 0.5, 0.95])
    assert found.shape == (20, 3)
    assert (np.diff(found, axis=1) > 0).all()
    inside = (found[:, 0] <= y[1::2]) & (y[1::2] <= found[:, 2])
    assert 0.75 <= inside.mean() <= 1


def test_several_columns_go_to_averaged_processes() -> None:
    X, y = load_diabetes(return_X_y=True)
    regressor = FewShotRegressor()
    scores = cross_val_score(regressor, X[:150], y[:150], cv=3)
    assert scores.mean() > 0.3
    assert regressor.fit(X[:20], y[:20]).learner_name_ == "table-gp"
    assert scores.mean() > cross_val_score(DummyRegressor(), X[:150], y[:150], cv=3).mean()


def test_units_do_not_matter(curve) -> None:
    x, y = curve
    mean, deviation = FewShotRegressor("table-gp").fit(x, y).predict(x, return_std=True)
    other = FewShotRegressor("table-gp").fit(1e5 * x + 7, 1e-3 * y - 4).predict(1e5 * x + 7, return_std=True)
    np.testing.assert_allclose(1e-3 * mean - 4, other[0], rtol=1e-5)
    np.testing.assert_allclose(1e-3 * deviation, other[1], rtol=1e-3)


def test_many_points_are_split_into_parts(curve) -> None:
    x, y = curve
    whole, parts = FewShotRegressor().fit(x, y), FewShotRegressor(max_points=15).fit(x, y)
    assert len(parts._adapted_.states) == 3
    assert np.abs(whole.predict(x) - parts.predict(x)).mean() < 0.2
    below = parts.predict(x, quantiles=[0.5])[:, 0]
    assert np.abs(below - parts.predict(x)).mean() < 0.2


def test_an_online_learner_goes_on(curve) -> None:
    x, y = (curve[0] - 5) / 2.5, curve[1]
    whole = FewShotRegressor("gp-cnp").fit(x, y)
    online = FewShotRegressor("gp-cnp")
    for start in (0, 10, 25):
        stop = {0: 10, 10: 25, 25: 40}[start]
        online.partial_fit(x[start:stop], y[start:stop])
    np.testing.assert_allclose(online.predict(x), whole.predict(x), atol=1e-4)
    assert not hasattr(FewShotRegressor(), "partial_fit")


def test_a_pickled_regressor_predicts_the_same(curve) -> None:
    regressor = FewShotRegressor().fit(*curve)
    restored = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_allclose(restored.predict(curve[0]), regressor.predict(curve[0]))


def test_values_that_are_text_are_refused() -> None:
    with pytest.raises(UserError, match="y holds 'a', but numbers were expected"):
        FewShotRegressor().fit([[0.0], [1.0]], ["a", "b"])


def test_what_cannot_be_is_refused(curve) -> None:
    regressor = FewShotRegressor().fit(*curve)
    with pytest.raises(UserError, match="probabilities between 0 and 1"):
        regressor.predict(curve[0], quantiles=[1.5])
    with pytest.raises(UserError, match="Call it twice"):
        regressor.predict(curve[0], return_std=True, quantiles=[0.5])
    with pytest.raises(UserError, match="predicts classes, not values"):
        FewShotRegressor("omniglot-protonet").fit(*curve)
    with pytest.raises(UserError, match="max_points is 0"):
        FewShotRegressor(max_points=0).fit(*curve)
