"""scikit-learn's own checks of estimators pass."""

import warnings

from sklearn.utils.estimator_checks import parametrize_with_checks

from quickstudy.estimators import FewShotClassifier, FewShotRegressor


@parametrize_with_checks([FewShotClassifier(), FewShotRegressor()])
def test_scikit_learn_accepts_the_estimators(estimator, check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
