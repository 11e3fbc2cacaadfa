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


def test_hidden_folders_are_passed_over(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4), 30))
    save(tmp_path / ".thumbnails" / "a.png", np.full((4, 4), 99))
    assert len(pictures.load(tmp_path, 4)) == 1


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("white", [65535, 4095])
def test_sixteen_bits_are_scaled_by_their_brightest_possible_value(tmp_path, white, colour):
    pixels = np.full((4, 4), white, dtype=np.uint16)
    pixels[:2] = white // 3
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    found = pictures.load(tmp_path, 4, colour=colour)[0]
    assert (found[..., :2, :] == 85).all()
    assert (found[..., 2:, :] == 255).all()


@pytest.mark.parametrize("colour", [False, True])
def test_what_is_drawn_on_nothing_can_be_seen(tmp_path, colour):
    for name, ink in (("a white", 255), ("b black", 0)):
        pixels = np.full((4, 4, 4), ink)
        pixels[..., 3] = 0
        pixels[1, 1, 3] = 255
        save(tmp_path / f"{name}.png", pixels)
    white, black = pictures.load(tmp_path, 4, colour=colour)[..., 1:, 1:]
    assert white[..., 0, 0].min() == 255
    assert white[..., 1, 1].max() == 0
    assert black[..., 0, 0].max() == 0
    assert black[..., 1, 1].min() == 255


def test_small_pictures_are_enlarged_smoothly_up_to_their_edges(tmp_path):
    save(tmp_path / "slope.png", np.tile(np.arange(0, 160, 20), (8, 1)))
    found = pictures.load(tmp_path, 28)[0].astype(int)
    assert len(np.unique(found)) > 20
    assert (np.diff(found, axis=1) >= 0).all()
    assert np.ptp(found, axis=0).max() <= 1
    save(tmp_path / "slope.png", np.full((8, 8), 77))
    assert (pictures.load(tmp_path, 28) == 77).all()


def test_a_folder_that_has_changed_is_read_anew(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4), 30))
    assert pictures.load(tmp_path, 4).max() == 30
    save(tmp_path / "a.png", np.full((6, 4), 40))
    assert pictures.load(tmp_path, 4).max() == 40


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (packed(np.zeros((2, 4, 4), dtype=np.uint8))[:-1], "but its length is that of another number"),
        (packed(np.zeros((2, 4, 4), dtype=np.uint8))[:9], "begins with other bytes"),
        (b"", "begins with other bytes"),
        (b"\x00\x00\x08\x01" + 20 * b"\x00", "begins with other bytes"),
        (packed(np.zeros((0, 4, 4), dtype=np.uint8)), "holds 0 images of 4×4 pixels"),
        (packed(np.zeros((2, 0, 4), dtype=np.uint8)), "holds 2 images of 0×4 pixels"),
    ],
)
def test_truncated_and_empty_files_of_mnist_have_one_message(tmp_path, data, complaint):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DataError, match=rf"train-images-idx3-ubyte.*{complaint}"):
        pictures.load(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:20] + b"\x55" * 30, lambda data: b"no"])
def test_a_damaged_packed_file_has_one_message(tmp_path, damage):
    whole = gzip.compress(packed(np.random.default_rng(0).integers(0, 255, (9, 4, 4)).astype(np.uint8)))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(damage(whole))
    with pytest.raises(DataError, match=r"Cannot read .*ubyte\.gz: .*Download it again"):
        pictures.load(tmp_path)


def test_one_long_line_of_pixels_is_refused_by_name(tmp_path):
    save(tmp_path / "line.png", np.zeros((1, 65_000)))
    with pytest.raises(DataError, match=r"line\.png: it is 65000×1 pixels"):
        pictures.load(tmp_path)


# What a picture shows.


def test_the_digest_is_of_what_is_shown_in_whatever_format_and_size(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (9, 12)).astype(np.uint8)
    save(tmp_path / "a.png", grey)
    save(tmp_path / "b.bmp", np.repeat(grey[..., None], 3, axis=2))
    save(tmp_path / "c.png", grey.T)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(packed(grey[None]))
    digests = pictures.read(tmp_path, 4).digests
    assert len(digests) == 4
    assert len(set(digests)) == 2, "only the turned one differs"
    assert digests == pictures.read(tmp_path, 7, colour=True).digests
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)


def digests(count, seed=0):
    numbers = np.random.default_rng(seed).integers(0, 1 << 63, count, dtype=np.uint64)
    return [f"{2 * int(number):016x}" for number in numbers]


def test_the_split_has_eight_tenths_one_tenth_and_one_tenth():
    sizes = [len(part) for part in pictures.split(digests(20_000))]
    assert sizes == pytest.approx([16_000, 2_000, 2_000], abs=200)


def test_copies_are_in_one_part():
    some = digests(200)
    for part in pictures.split(some + some):
        assert set(part[part < 200] + 200) == set(part[part >= 200])


@pytest.mark.parametrize("seed", range(20))
def test_no_part_is_empty_as_long_as_three_pictures_differ(seed):
    split = pictures.split(digests(3, seed))
    assert sorted(index for part in split for index in part) == [0, 1, 2]
    assert all(len(part) == 1 for part in split)
    with pytest.raises(DataError, match="Only 2 of 4 pictures are different"):
        pictures.split(2 * digests(2, seed))
