from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.core import UserError
from quickstudy.sources import drawings_to_complete, glyphs_to_complete, picture_contents, pictures_to_complete
from quickstudy.tasks import GeneratedCompletion


def test_drawings_for_training_come_in_four_rotations_if_wanted(few_characters) -> None:
    turned, upright = (drawings_to_complete("lake", rotations=wanted) for wanted in (True, False))
    assert len(turned(None, "train").images) == 4 * len(upright(None, "train").images)
    assert torch.equal(turned(None, "test").images, upright(None, "test").images)


def test_generated_drawings_are_fixed_but_for_training() -> None:
    validation, again, test = (glyphs_to_complete(None, part).images for part in ("validation", "validation", "test"))
    assert torch.equal(validation, again)
    assert not torch.equal(validation, test)
    assert isinstance(glyphs_to_complete(None, "train"), GeneratedCompletion)


def test_the_contents_of_a_part_are_those_of_its_pictures(tmp_path: Path) -> None:
    for number in range(20):
        Image.fromarray(np.full((9, 9), 10 * number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    images, contents = (make(str(tmp_path), 8, colour=False) for make in (pictures_to_complete, picture_contents))
    found = contents(None)
    assert {part: len(digests) for part, digests in found.items()} == {
        part: len(images(None, part).images) for part in ("train", "validation", "test")
    }
    assert len({digest for digests in found.values() for digest in digests}) == 20


def test_a_folder_that_is_not_given_is_asked_for() -> None:
    with pytest.raises(UserError, match="--folder DIR"):
        pictures_to_complete("", 8, colour=False)(None, "train")
