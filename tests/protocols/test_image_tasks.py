from dataclasses import replace
from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.protocols import open_weights
from quickstudy.protocols.image_tasks import data_of, folder_source, size_of
from quickstudy.tasks import Layout


def test_the_experiment_says_the_data_unless_the_user_does(trained) -> None:
    weights = trained("glyphs-protonet", {})
    assert data_of(weights, None) == "glyphs"
    assert data_of(weights, "omniglot") == "omniglot"
    silent = replace(weights, experiment=replace(weights.experiment, data=None))
    assert data_of(silent, "glyphs") == "glyphs"
    with pytest.raises(UserError, match="names no data set"):
        data_of(silent, None)


def test_only_learners_without_weights_read_any_size(trained) -> None:
    nearest, weights = open_weights("omniglot-nearest"), trained("omniglot-protonet", {"split": "lake"})
    assert (size_of(nearest, None), size_of(nearest, 14), size_of(weights, 28)) == (28, 14, 28)
    with pytest.raises(UserError, match="read images of 28×28 pixels"):
        size_of(weights, 20)
    with pytest.raises(UserError, match="size = 200 was given"):
        size_of(nearest, 200)


def test_what_is_no_folder_is_refused() -> None:
    with pytest.raises(UserError, match="neither omniglot nor glyphs nor a folder"):
        folder_source(open_weights("glyphs-nearest"), Path("nothing"), Layout(), None, skip_small=False, say=print)
