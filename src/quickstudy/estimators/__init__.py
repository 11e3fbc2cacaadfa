"""scikit-learn estimators: `fit` adapts a learner to the examples, which takes milliseconds."""

from typing import TYPE_CHECKING, Any

from quickstudy.core import UserError

if TYPE_CHECKING:
    from quickstudy.estimators.classifier import FewShotClassifier
    from quickstudy.estimators.regressor import FewShotRegressor

__all__ = ["FewShotClassifier", "FewShotRegressor"]


def __getattr__(name: str) -> Any:
    # Late: the other modules here run without scikit-learn.
    if name not in __all__:
        raise AttributeError(f"module 'quickstudy.estimators' has no attribute '{name}'")
    try:
        from quickstudy.estimators import classifier, regressor
    except ModuleNotFoundError as error:
        if error.name != "sklearn":
            raise
        raise UserError('The estimators need scikit-learn: pip install "quickstudy[estimators]".') from None
    return getattr(classifier if name == "FewShotClassifier" else regressor, name)
