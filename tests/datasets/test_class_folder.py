"""A user's own classes for a training, divided by class."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quickstudy.datasets import DataError, class_folder


def save(path: Path, seed: int, side: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.random.default_rng(seed).integers(0, 255, (side, side + 6, 3), dtype=np.uint8)
    Image.fromarray(shades).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(7):
        for number in range(2 + index % 2):
            save(tmp_path / "mine" / f"class {index}" / f"{number}.png", 10 * index + number)
    return tmp_path / "mine"


def test_every_class_is_in_one_part_and_each_part_has_two_at_least() -> None:
    for count in (6, 7, 30, 100):
        parts = class_folder.split([f"class {index}" for index in range(count)], seed=3)
        assert sorted(np.concatenate(parts)) == list(range(count))
        assert min(map(len, parts)) >= 2
    assert [len(part) for part in class_folder.split([str(index) for index in range(100)])] == [60, 20, 20]


def test_the_division_follows_from_names_and_seed_alone() -> None:
    names = [f"class {index}" for index in range(20)]
    first = class_folder.split(names, seed=0)
    backwards = class_folder.split(names[::-1], seed=0)
    assert {names[index] for index in first.test} == {names[::-1][index] for index in backwards.test}
    assert {*first.test} != {*class_folder.split(names, seed=1).test}


def test_groups_stay_together() -> None:
    groups = [f"group {index // 3}" for index in range(30)]
    parts = class_folder.split(groups)
    found = [{groups[index] for index in part} for part in parts]
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & found[2]


def test_too_few_classes_or_groups_are_refused() -> None:
    with pytest.raises(DataError, match="There are 5 classes, but training, validation and test need 6"):
        class_folder.split(list("abcde"))
    with pytest.raises(DataError, match="The 2 groups are too few"):
        class_folder.split(list("aaaabbbb"))


def test_uneven_classes_are_padded_and_digests_are_of_pixels(folder: Path) -> None:
    found = class_folder.read(folder, 16)
    assert found.images.shape == (7, 3, 16, 16)
    assert found.num_examples.tolist() == [2, 3] * 3 + [2]
    assert found.names[2] == found.groups[2] == "class 2"
    assert found.digests == class_folder.read(folder, 24, colour=True).digests
    assert len({digest for each in found.digests for digest in each}) == 17


def test_colour_is_kept_and_the_middle_square_is_read(folder: Path) -> None:
    Image.new("RGB", (40, 20), (255, 0, 0)).save(folder / "class 0" / "0.png")
    found = class_folder.read(folder, 16, colour=True)
    assert found.images.shape == (7, 3, 3, 16, 16)
    assert (found.images[0, 0] == np.array([255, 0, 0])[:, None, None]).all()


def test_classes_in_groups_are_named_by_both(tmp_path: Path) -> None:
    for group in ("north", "south"):
        for name in ("a", "b"):
            save(tmp_path / group / name / "1.png", 1)
    found = class_folder.read(tmp_path, 16, grouped=True)
    assert found.names == ("north/a", "north/b", "south/a", "south/b")
    assert found.groups == ("north", "north", "south", "south")


def test_unreadable_files_are_named_or_left_out_with_a_warning(folder: Path) -> None:
    (folder / "class 1" / "9.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"9\.png.*--skip-unusable"):
        class_folder.read(folder, 16)
    with pytest.warns(UserWarning, match=r"left out: .*9\.png"):
        found = class_folder.read(folder, 16, skip_unusable=True)
    assert found.num_examples.tolist() == [2, 3] * 3 + [2]


def test_a_file_that_changed_is_read_anew(folder: Path) -> None:
    before = class_folder.read(folder, 16, colour=True)
    save(folder / "class 0" / "0.png", 99, side=24)
    after = class_folder.read(folder, 16, colour=True)
    assert before.digests[0][0] != after.digests[0][0]
    assert not np.array_equal(before.images[0, 0], after.images[0, 0])
