"""Pictures of many kinds have the same shades."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quickstudy.datasets import DataError
from quickstudy.datasets.shades import read_file, shades_of_numbers


def sixteen_bit_colours(path: Path, pixels: np.ndarray) -> None:
    """A PNG file of 16 bits a channel, which Pillow reads and does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("white", [65535, 4095])
def test_colours_of_sixteen_bits_are_scaled_by_their_brightest_possible_value(tmp_path: Path, white: int) -> None:
    pixels = np.zeros((4, 5, 3), dtype=np.uint16)
    pixels[:2] = white
    pixels[2:, :, 0] = white // 2
    sixteen_bit_colours(tmp_path / "deep.png", pixels)
    np.testing.assert_allclose(read_file(tmp_path / "deep.png", colour=True), pixels / white, atol=0.05)


def test_a_picture_of_a_wide_range_in_a_file_of_sixteen_bits_is_dark_where_it_is_dark(tmp_path: Path) -> None:
    pixels = np.full((4, 4), 4000, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    assert read_file(tmp_path / "dark.png").max() == pytest.approx(4000 / 4095)
    pixels[0, 0] = 40_000
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    assert read_file(tmp_path / "dark.png")[1, 1] == pytest.approx(4000 / 65535)


def test_colours_become_grey_as_bright_as_they_look(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3), (0, 255, 0)).save(tmp_path / "green.png")
    assert read_file(tmp_path / "green.png").mean() == pytest.approx(0.587, abs=0.01)


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((8, 4), dtype=np.uint8)
    pixels[0] = 255
    orientation = Image.Exif()
    orientation[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "phone.png", exif=orientation)
    assert read_file(tmp_path / "phone.png")[:, -1].tolist() == [1, 1, 1, 1]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "größe.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"größe\.png: .*Replace or remove it"):
        read_file(tmp_path / "größe.png")


@pytest.mark.parametrize(
    ("numbers", "shades"),
    [
        (np.array([True, False]), [1, 0]),
        (np.array([0, 1], dtype=np.int16), [0, 1]),
        (np.array([0, 51], dtype=np.uint8), [0, 0.2]),
        (np.array([0, 819], dtype=np.uint16), [0, 0.2]),
        (np.array([0, 13107], dtype=np.uint16), [0, 0.2]),
        (np.array([0, 0.2, 1.005]), [0, 0.2, 1]),
    ],
)
def test_the_type_says_how_bright_white_is(numbers: np.ndarray, shades: list[float]) -> None:
    found = shades_of_numbers(numbers)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, shades, atol=1e-6)


def test_transparent_parts_get_the_paper_that_is_asked_for(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), dtype=np.uint8)
    pixels[:3] = (255, 0, 0, 255)
    pixels[0, 0] = (0, 0, 255, 255)
    Image.fromarray(pixels).save(tmp_path / "red.png")
    white = read_file(tmp_path / "red.png", colour=True, paper=1.0)
    assert white[3].min() == 1
    assert white[1, 1].tolist() == [1, 0, 0]
    assert read_file(tmp_path / "red.png", paper=1.0)[3].tolist() == pytest.approx([1] * 4)
