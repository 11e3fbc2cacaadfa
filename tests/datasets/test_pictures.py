import gzip

import numpy as np
import pytest
from PIL import Image

from quickstudy.datasets import DataError, pictures


def save(path, pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def packed(images) -> bytes:
    return b"\x00\x00\x08\x03" + np.array(images.shape, dtype=">u4").tobytes() + images.tobytes()


def test_pictures_of_all_folders_come_in_the_order_of_their_paths(tmp_path):
    for name, grey in (("b.png", 30), ("a/z.png", 10), ("a/.hidden.png", 99)):
        save(tmp_path / name, np.full((4, 4), grey))
    (tmp_path / "readme.txt").write_text("no picture")
    found = pictures.load(tmp_path, 4)
    assert found.shape == (2, 4, 4)
    assert found[:, 0, 0].tolist() == [10, 30]


def test_a_picture_is_cut_to_its_middle_square_and_averaged(tmp_path):
    wide = np.zeros((2, 6))
    wide[:, 2:4] = 100
    save(tmp_path / "wide.png", wide)
    assert pictures.load(tmp_path, 2)[0].tolist() == [[100, 100], [100, 100]]
    assert pictures.load(tmp_path, 1)[0].tolist() == [[100]]


def test_colours_are_kept_where_they_are_asked_for(tmp_path):
    save(tmp_path / "red.png", np.full((3, 3, 3), (200, 0, 0)))
    found = pictures.load(tmp_path, 3, colour=True)
    assert found.shape == (1, 3, 3, 3)
    assert found[0, :, 1, 1].tolist() == [200, 0, 0]


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_the_files_of_mnist_are_read(tmp_path, packing):
    images = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    data = packed(images)
    (tmp_path / f"train-images-idx3-ubyte{packing}").write_bytes(gzip.compress(data) if packing else data)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"labels are none of our business")
    assert np.array_equal(pictures.load(tmp_path, 4), images)
    assert pictures.load(tmp_path, 2, colour=True).shape == (2, 3, 2, 2)


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(DataError, match="no folder"):
        pictures.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="has no pictures"):
        pictures.load(tmp_path)
    (tmp_path / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"x\.png"):
        pictures.load(tmp_path)
    (tmp_path / "x.png").unlink()
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(packed(np.zeros((2, 4, 4), dtype=np.uint8))[:-1])
    with pytest.raises(DataError, match="damaged"):
        pictures.load(tmp_path)
    with pytest.raises(ValueError, match="size"):
        pictures.load(tmp_path, 0)
