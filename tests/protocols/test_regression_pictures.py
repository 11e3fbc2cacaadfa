from pathlib import Path

import torch

from quickstudy.learners import CNP
from quickstudy.protocols.regression import Setting, evaluated
from quickstudy.protocols.regression_pictures import pictures
from quickstudy.tasks import Completion, CompletionLayout, GaussianProcesses, PointLayout

IMAGES = Completion(torch.rand(4, 6, 6), CompletionLayout(5))


def _curves(support=(3, 9)) -> GaussianProcesses:
    return GaussianProcesses(PointLayout(support, 4))


def test_what_is_drawn_is_what_there_is_to_draw(tmp_path: Path) -> None:
    learner = CNP(hidden=8)
    curves = evaluated(learner, [Setting("curves", "curves", _curves())], 10, 0)
    assert {path.name for path in pictures(tmp_path, learner, curves, [], 0)} == {"functions.png", "calibration.png"}
    sizes = evaluated(learner, [Setting(str(count), "curves", _curves(count)) for count in (3, 5)], 10, 0)
    assert tmp_path / "likelihood.png" in pictures(tmp_path, learner, curves, sizes, 0)
    of_images = CNP(2, 1, hidden=8)
    images = evaluated(of_images, [Setting("images", "images", IMAGES)], 10, 0)
    assert {path.name for path in pictures(tmp_path, of_images, images, [], 0)} >= {"completions.png"}
    assert not list(tmp_path.iterdir()), "nothing is drawn before it is asked for"
