import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.distributions import Bernoulli, Independent

from quickstudy.core import UserError
from quickstudy.evaluation import LEVELS, FunctionEvaluation, Interval
from quickstudy.evaluation.function_plots import save_calibration, save_functions, save_likelihoods
from quickstudy.learners import CNP, NeuralProcess
from quickstudy.tasks import GaussianProcesses, PointLayout, Sinusoids

DENSE = PointLayout(5, 50, evenly=True)


def evaluation(mean: float = 0.0, *, oracle: float | None = 1.0, has_quantiles: bool = True) -> FunctionEvaluation:
    figure = Interval(mean, 0.1)
    return FunctionEvaluation(
        log_likelihood=figure,
        squared_error=figure,
        coverage=tuple(Interval(level**2, 0.01) for level in LEVELS) if has_quantiles else None,
        oracle=None if oracle is None else Interval(oracle, 0.1),
        prior=None if oracle is None else Interval(-1.4, 0.1),
        tasks=10,
        log_likelihoods=torch.zeros(10),
    )


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was plotted, by its name: the values of the last line of that name."""
    found: dict[str, Any] = {}
    from matplotlib.axes import Axes

    for method in ("plot", "errorbar"):
        plain = getattr(Axes, method)

        def noted(axes: Any, *values: Any, plain: Any = plain, **options: Any) -> Any:
            found[options.get("label", "")] = values
            return plain(axes, *values, **options)

        monkeypatch.setattr(Axes, method, noted)
    return found


def is_picture(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.width > 400 and len(picture.convert("RGB").getcolors(maxcolors=10**6) or ()) > 20


@pytest.mark.parametrize("learner", [CNP(hidden=8), NeuralProcess(hidden=8, latent=4, num_samples=3)])
def test_functions_are_drawn_beside_the_exact_posterior(learner: Any, tmp_path: Path, lines: dict[str, Any]) -> None:
    tasks = GaussianProcesses(DENSE)
    save_functions(tmp_path / "functions.png", learner, [tasks] * 2, seed=3)
    assert is_picture(tmp_path / "functions.png")
    drawn, oracle = tasks.sample_with_oracle(1, torch.Generator().manual_seed(4))
    x, mean = lines["exact posterior"]
    torch.testing.assert_close(x, torch.linspace(-2, 2, 50))
    assert torch.equal(mean, oracle.posterior.mean.flatten())
    assert torch.equal(lines["support"][1], drawn.support_y.flatten())
    assert lines["learner"][1].shape == (50,)


def test_where_nothing_is_known_of_the_functions_the_learner_stands_alone(
    tmp_path: Path, lines: dict[str, Any]
) -> None:
    class Ink(CNP):
        def predict(self, state: Any, query_x: torch.Tensor) -> Independent:
            return Independent(Bernoulli(probs=torch.full_like(query_x, 0.5)), 1)

    save_functions(tmp_path / "functions.png", Ink(hidden=8), [Sinusoids(DENSE)])
    assert "exact posterior" not in lines
    assert is_picture(tmp_path / "functions.png")


def test_functions_of_several_numbers_are_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="of one number"):
        save_functions(tmp_path / "x.png", CNP(2, 1, hidden=8), [GaussianProcesses(PointLayout(5, 50, inputs=2))])


def test_the_calibration_curve_is_what_was_found_by_what_was_promised(tmp_path: Path, lines: dict[str, Any]) -> None:
    save_calibration(tmp_path / "calibration.png", {"some": evaluation(), "others": evaluation()})
    assert is_picture(tmp_path / "calibration.png")
    promised, found = lines["some"]
    assert promised == pytest.approx([100 * level for level in LEVELS])
    assert found == pytest.approx([100 * level**2 for level in LEVELS])
    assert lines["exact"] == ([0, 100], [0, 100])
    with pytest.raises(UserError, match="no quantiles"):
        save_calibration(tmp_path / "calibration.png", {"ink": evaluation(has_quantiles=False)})


def test_likelihoods_are_in_the_order_of_the_points_given(tmp_path: Path, lines: dict[str, Any]) -> None:
    save_likelihoods(tmp_path / "likelihood.png", {9: evaluation(0.9), 0: evaluation(-1.0), 5: evaluation(0.3)})
    assert is_picture(tmp_path / "likelihood.png")
    assert lines["learner"][:2] == ([0, 5, 9], [-1.0, 0.3, 0.9])
    assert lines["exact posterior"][1] == [1.0] * 3
    lines.clear()
    save_likelihoods(tmp_path / "likelihood.png", {1: evaluation(oracle=None), 2: evaluation(oracle=None)})
    assert set(lines) == {"learner"}


def test_matplotlib_missing_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"pip install 'quickstudy\[plots\]'"):
        save_calibration(tmp_path / "calibration.png", {"some": evaluation()})


def test_figures_of_a_single_task_are_drawn_without_bars(tmp_path: Path) -> None:
    alone = evaluation(0.5)
    alone = dataclasses.replace(alone, log_likelihood=Interval(0.5, None), tasks=1)
    save_likelihoods(tmp_path / "likelihood.png", {3: alone, 9: alone})
    assert (tmp_path / "likelihood.png").exists()
