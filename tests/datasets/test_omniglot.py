"""Omniglot is found, checked, decoded once and divided as published."""

import errno
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quickstudy.datasets import omniglot
from quickstudy.datasets.download import DataError, checksum
from quickstudy.datasets.resampling import area_average

BACKGROUND, EVALUATION = "images_background.zip", "images_evaluation.zip"
SMALL_WORLD = {BACKGROUND: {"Greek": 2, "Hebrew": 1}, EVALUATION: {"Tengwar": 2}}
needs_real_data = pytest.mark.skipif(
    not os.environ.get("QUICKSTUDY_DATA"), reason="QUICKSTUDY_DATA names no folder with the real Omniglot"
)


def png(mark: int = 0, size: int = 105) -> bytes:
    """One drawing: a black square, and the mark as a black bar of that many pixels in the top row."""
    paper = Image.new("1", (size, size), 1)
    paper.paste(0, (40, 40, 60, 60))
    paper.paste(0, (0, 0, mark, 1))
    buffer = io.BytesIO()
    paper.save(buffer, "PNG")
    return buffer.getvalue()


def write_archives(folder: Path, world: dict[str, dict[str, int]]) -> None:
    """Write zips of the official layout, whose drawings are marked 1 to 20; shuffled as zips may be."""
    folder.mkdir(parents=True)
    drawings = [png(number) for number in range(1, 21)]
    code = 0
    for archive_name, alphabet_sizes in world.items():
        with zipfile.ZipFile(folder / archive_name, "w") as archive:
            for alphabet, count in reversed(alphabet_sizes.items()):
                for character in range(count, 0, -1):
                    code += 1
                    for number in range(20, 0, -1):
                        entry = f"{alphabet}/character{character:02d}/{code:04d}_{number:02d}.png"
                        archive.writestr(f"{Path(archive_name).stem}/{entry}", drawings[number - 1])
            archive.writestr("__MACOSX/._0001_01.png", b"of another system")


def rewrite(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    """Replace each entry of a zip by what the function returns for it, or drop it."""
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for changed in (change(name, content) for name, content in entries):
            if changed is not None:
                archive.writestr(*changed)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("QUICKSTUDY_DATA", raising=False)
    return tmp_path / "cache" / "quickstudy" / "omniglot"


@pytest.fixture
def small_root(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an Omniglot of five characters, which the module takes for the whole."""
    root = tmp_path / "data"
    write_archives(root, SMALL_WORLD)
    archives = {name: (checksum(root / name), sizes) for name, sizes in SMALL_WORLD.items()}
    monkeypatch.setattr(omniglot, "_ARCHIVES", archives)
    return root


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes that were decoded so far."""
    sizes: list[int] = []
    decode = omniglot._decode

    def counted(archives: list[Path], size: int) -> np.ndarray:
        sizes.append(size)
        return decode(archives, size)

    monkeypatch.setattr(omniglot, "_decode", counted)
    return sizes


def marks(images: np.ndarray) -> np.ndarray:
    """The mark of each drawing at the original size: the black pixels in its top row."""
    return (images[:, :, 0] == 255).sum(axis=-1)


def assert_refused_without_a_cache(root: Path, cache: Path, message: str) -> None:
    with pytest.raises(DataError, match=message):
        omniglot.load(root)
    assert not cache.exists() or list(cache.iterdir()) == []


# What is loaded


def test_an_official_layout_gives_all_classes(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Decoding 32,460 drawings takes seconds; here the question is whether all are found.
    found: list[str] = []

    def read_quickly(archive: zipfile.ZipFile, drawing: str) -> np.ndarray:
        found.append(drawing)
        return np.zeros((105, 105), dtype=np.uint8)

    monkeypatch.setattr(omniglot, "_read_ink", read_quickly)
    world = {name: sizes for name, (_, sizes) in omniglot._ARCHIVES.items()}
    write_archives(tmp_path / "data", world)
    images, names = omniglot.load(tmp_path / "data", size=5)
    assert images.shape == (1623, 20, 5, 5)
    assert images.dtype == np.uint8
    assert names == omniglot.class_names()
    assert len(set(found)) == 32_460
    assert [drawing.split("/", 1)[1].rsplit("/", 1)[0] for drawing in found[::20]] == list(names)


def test_drawings_come_in_the_order_of_their_file_names(small_root: Path) -> None:
    images, names = omniglot.load(small_root, size=105)
    assert names == (
        "Greek/character01",
        "Greek/character02",
        "Hebrew/character01",
        "Tengwar/character01",
        "Tengwar/character02",
    )
    assert (marks(images) == np.arange(1, 21)).all()


def test_classes_come_in_the_order_of_their_names(small_root: Path) -> None:
    rewrite(small_root / EVALUATION, lambda name, old: (name, png(50) if "character02" in name else old))
    images = omniglot.load(small_root, size=105).images
    assert marks(images)[:, 0].tolist() == [1, 1, 1, 1, 50]


def test_ink_is_high_and_averaged_by_area(small_root: Path) -> None:
    originals = omniglot.load(small_root, size=105).images
    assert np.unique(originals).tolist() == [0, 255]
    assert (originals[:, :, 40:60, 40:60] == 255).all()
    images = omniglot.load(small_root).images
    np.testing.assert_allclose(images.mean(axis=(2, 3)), originals.mean(axis=(2, 3)), atol=0.1)
    # 40 / 3.75 = 10.67: a third of that column of pixels is ink.
    assert images[0, 0, 13, 9:12].tolist() == [0, 85, 255]


def test_writing_to_the_images_changes_neither_the_cache_nor_later_loads(small_root: Path) -> None:
    images = omniglot.load(small_root).images
    before = images.copy()
    images[:] = 7
    np.testing.assert_array_equal(omniglot.load(small_root).images, before)


@pytest.mark.parametrize("size", [0, -1, 106])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 105 pixels, not {size}"):
        omniglot.load(size=size)


# Where it is found


def test_the_archives_may_lie_in_a_folder_of_their_own(small_root: Path, tmp_path: Path) -> None:
    shutil.copytree(small_root, tmp_path / "many" / "omniglot")
    assert len(omniglot.load(tmp_path / "many").names) == 5
    assert len(omniglot.load(str(tmp_path / "many" / "omniglot")).names) == 5


def test_the_environment_names_the_folder(small_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTUDY_DATA", str(small_root))
    assert len(omniglot.load().names) == 5


def test_the_argument_goes_before_the_environment(
    small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUICKSTUDY_DATA", str(tmp_path / "nowhere"))
    assert len(omniglot.load(small_root).names) == 5
    with pytest.raises(DataError, match="No Omniglot in QUICKSTUDY_DATA"):
        omniglot.load()


def test_a_given_folder_without_the_archives_is_an_error_and_no_download(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omniglot, "download", lambda *arguments: pytest.fail("tried to download"))
    (small_root / EVALUATION).unlink()
    expected = f"No Omniglot in the data root.*{BACKGROUND} and {EVALUATION}.*data or .*omniglot"
    assert_refused_without_a_cache(small_root, cache, expected)
    assert_refused_without_a_cache(small_root / "nowhere", cache, "No Omniglot in the data root")


def test_without_a_folder_the_archives_are_downloaded_into_the_cache_once(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omniglot, "_OFFICIAL", small_root.as_uri())
    images = np.array(omniglot.load().images)
    assert {BACKGROUND, EVALUATION} < {path.name for path in cache.iterdir()}
    shutil.rmtree(small_root)
    np.testing.assert_array_equal(omniglot.load().images, images)


def test_archives_put_into_the_cache_by_hand_are_taken(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(omniglot, "download", lambda *arguments: pytest.fail("tried to download"))
    shutil.copytree(small_root, cache)
    assert len(omniglot.load().names) == 5


# What is refused


def test_a_truncated_zip_is_refused_and_leaves_no_cache(small_root: Path, cache: Path) -> None:
    whole = (small_root / BACKGROUND).read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        (small_root / BACKGROUND).write_bytes(whole[:length])
        assert_refused_without_a_cache(small_root, cache, f"{BACKGROUND} is damaged.*Replace it with the off")


def test_a_zip_with_damaged_bytes_is_refused_and_leaves_no_cache(small_root: Path, cache: Path) -> None:
    damaged = bytearray((small_root / EVALUATION).read_bytes())
    position = damaged.index(b"IDAT", len(damaged) // 2)
    damaged[position + 8] ^= 0xFF
    (small_root / EVALUATION).write_bytes(damaged)
    assert_refused_without_a_cache(small_root, cache, r"Bad CRC-32 for file .*\.png")


def test_a_missing_drawing_is_refused_and_leaves_no_cache(small_root: Path, cache: Path) -> None:
    rewrite(
        small_root / BACKGROUND,
        lambda name, old: None if "Hebrew" in name and name.endswith("_07.png") else (name, old),
    )
    assert_refused_without_a_cache(small_root, cache, r"Hebrew/character01 has 19 drawings instead of 20")


def test_a_character_too_many_is_refused_and_leaves_no_cache(small_root: Path, cache: Path) -> None:
    with zipfile.ZipFile(small_root / EVALUATION, "a") as archive:
        archive.writestr("images_evaluation/Tengwar/character03/0001_01.png", png())
    assert_refused_without_a_cache(small_root, cache, "Tengwar/character03 is no character of this archive")


def test_exchanged_archives_are_refused(small_root: Path, cache: Path) -> None:
    (small_root / BACKGROUND).rename(small_root / "other.zip")
    (small_root / EVALUATION).rename(small_root / BACKGROUND)
    (small_root / "other.zip").rename(small_root / EVALUATION)
    assert_refused_without_a_cache(small_root, cache, r"Greek/character01 has 0 drawings .*2 more problems")


@pytest.mark.parametrize(
    ("content", "reason"), [(png(size=28), "is 28×28 pixels, not 105×105"), (b"GIF89a", "cannot identify")]
)
def test_a_drawing_of_another_kind_is_refused_and_leaves_no_cache(
    small_root: Path, cache: Path, content: bytes, reason: str
) -> None:
    rewrite(small_root / EVALUATION, lambda name, old: (name, content if name.endswith("_20.png") else old))
    assert_refused_without_a_cache(small_root, cache, rf"{EVALUATION} is damaged.*_20\.png.*{reason}")


# The decoded cache


def test_the_second_start_does_not_decode(small_root: Path, cache: Path, decodings: list[int]) -> None:
    first = omniglot.load(small_root).images
    second = omniglot.load(small_root).images
    assert decodings == [28]
    np.testing.assert_array_equal(first, second)
    assert isinstance(second, np.memmap)
    assert len(list(cache.iterdir())) == 1


def test_the_data_folder_is_only_read(small_root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (small_root, *small_root.iterdir())}
    omniglot.load(small_root)
    assert {path: path.stat().st_mtime_ns for path in (small_root, *small_root.iterdir())} == before


def test_other_sizes_and_other_archives_have_their_own_cache(
    small_root: Path, cache: Path, decodings: list[int]
) -> None:
    omniglot.load(small_root)
    assert omniglot.load(small_root, size=20).images.shape == (5, 20, 20, 20)
    rewrite(small_root / EVALUATION, lambda name, old: (name, png(9)))
    assert (marks(omniglot.load(small_root, size=105).images)[3:] == 9).all()
    omniglot.load(small_root)
    assert decodings == [28, 20, 105, 28]
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[:-1], lambda whole: whole + b"0"])
def test_a_cache_of_the_wrong_length_is_built_again(
    small_root: Path, cache: Path, decodings: list[int], damage: Callable[[bytes], bytes]
) -> None:
    images = omniglot.load(small_root).images.copy()
    (cached,) = cache.iterdir()
    cached.write_bytes(damage(cached.read_bytes()))
    np.testing.assert_array_equal(omniglot.load(small_root).images, images)
    assert decodings == [28, 28]


def test_a_cache_of_the_wrong_shape_is_built_again(small_root: Path, cache: Path, decodings: list[int]) -> None:
    images = omniglot.load(small_root).images.copy()
    (cached,) = cache.iterdir()
    np.save(cached, images.reshape(20, 5, 28, 28))
    np.testing.assert_array_equal(omniglot.load(small_root).images, images)
    assert decodings == [28, 28]


def test_an_interrupted_decoding_leaves_no_cache(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averages: Iterator[None] = iter([None, None])

    def interrupted(images: np.ndarray, size: int) -> np.ndarray:
        if next(averages, "over") == "over":
            raise KeyboardInterrupt
        return area_average(images, size)

    monkeypatch.setattr("quickstudy.datasets.omniglot.area_average", interrupted)
    with pytest.raises(KeyboardInterrupt):
        omniglot.load(small_root)
    assert not cache.exists()


def fail_to_write(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(file_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)


def test_a_full_disk_is_told_and_leaves_no_cache(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_write(monkeypatch, errno.ENOSPC)
    assert_refused_without_a_cache(small_root, cache, r"Cannot write .*\.npy: No space.*XDG_CACHE_HOME")


def test_a_read_only_cache_folder_costs_a_warning_and_not_the_images(
    small_root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_to_write(monkeypatch, errno.EROFS)
    with pytest.warns(UserWarning, match=r"decoded anew at each start: cannot write .*\.npy"):
        images = omniglot.load(small_root).images
    assert images.shape == (5, 20, 28, 28)
    assert list(cache.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_costs_a_warning(small_root: Path, cache: Path) -> None:
    cache.parent.parent.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="decoded anew at each start"):
        images = omniglot.load(small_root).images
    assert images.shape == (5, 20, 28, 28)


def test_two_that_decode_at_once_leave_one_good_cache(
    small_root: Path, cache: Path, decodings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    both_are_decoded = threading.Barrier(2, timeout=10)
    keep = omniglot._keep

    def keep_together(images: np.ndarray, cached: Path) -> np.ndarray:
        both_are_decoded.wait()
        return keep(images, cached)

    monkeypatch.setattr(omniglot, "_keep", keep_together)
    loaded: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: loaded.append(omniglot.load(small_root).images)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decodings == [28, 28]
    assert len(list(cache.iterdir())) == 1
    loaded.append(omniglot.load(small_root).images)
    assert decodings == [28, 28]
    assert all((images == loaded[0]).all() for images in loaded)


# Splits and alphabets, without any data


@pytest.mark.parametrize(("name", "sizes"), [("lake", (792, 172, 659)), ("vinyals", (1028, 172, 423))])
def test_a_split_divides_the_classes(name: str, sizes: tuple[int, ...]) -> None:
    parts = omniglot.split(name)
    assert tuple(len(part) for part in parts) == sizes
    assert all(part.dtype == np.int64 for part in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(1623))


@pytest.mark.parametrize("name", ["lake", "vinyals"])
def test_five_alphabets_are_held_back_for_validation(name: str) -> None:
    names = omniglot.class_names()
    held_back = [names[index].split("/")[0] for index in omniglot.split(name).validation]
    counts = {alphabet: held_back.count(alphabet) for alphabet in held_back}
    assert counts == {
        "Armenian": 41,
        "Bengali": 46,
        "Early_Aramaic": 22,
        "Hebrew": 22,
        "Mkhedruli_(Georgian)": 41,
    }


def test_the_vinyals_test_begins_within_gurmukhi() -> None:
    names = omniglot.class_names()
    test = [names[index] for index in omniglot.split("vinyals").test]
    assert test[:4] == [f"Gurmukhi/character{number}" for number in range(42, 46)]
    assert test[4] == "Kannada/character01"
    assert test[-1] == "ULOG/character26"


def test_the_lake_test_is_the_evaluation_archive() -> None:
    assert omniglot.class_names()[omniglot.split("lake").test[0]] == "Angelic/character01"


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="no Omniglot split 'miniimagenet'; choose from lake, vinyals"):
        omniglot.split("miniimagenet")


def test_classes_know_their_alphabets() -> None:
    names = omniglot.class_names()
    numbers = omniglot.alphabets(names)
    assert len(names) == len(set(names)) == 1623
    assert numbers.shape == (1623,)
    assert numbers.dtype == np.int64
    assert np.unique(numbers).tolist() == list(range(50))
    assert (np.diff(numbers) >= 0).all()
    assert np.bincount(numbers)[[0, 1, 29, 30, 49]].tolist() == [20, 29, 55, 20, 26]


def test_alphabets_are_sorted_within_each_archive() -> None:
    for _, alphabet_sizes in omniglot._ARCHIVES.values():
        assert list(alphabet_sizes) == sorted(alphabet_sizes)


# The real data


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[omniglot.Omniglot]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield omniglot.load(os.environ["QUICKSTUDY_DATA"])


@needs_real_data
def test_the_real_drawings_have_the_known_amount_of_ink(real: omniglot.Omniglot) -> None:
    images = real.images
    assert images.shape == (1623, 20, 28, 28)
    assert images.mean() / 255 == pytest.approx(0.0805, abs=0.0001)
    assert (images > 127).mean() == pytest.approx(0.080, abs=0.0005)
    assert (images > 0).mean() == pytest.approx(0.144, abs=0.0005)


@needs_real_data
def test_every_real_drawing_has_ink_and_differs_from_the_others(real: omniglot.Omniglot) -> None:
    assert (real.images.max(axis=(2, 3)) > 127).all()
    drawings = real.images.reshape(1623 * 20, 28 * 28)
    assert len({drawing.tobytes() for drawing in drawings}) > 0.99 * len(drawings)


@needs_real_data
def test_the_real_names_are_those_of_the_table(real: omniglot.Omniglot) -> None:
    folder = Path(os.environ["QUICKSTUDY_DATA"])
    folder = folder if (folder / BACKGROUND).exists() else folder / "omniglot"
    found: list[str] = []
    for archive_name in (BACKGROUND, EVALUATION):
        with zipfile.ZipFile(folder / archive_name) as archive:
            parts = [name.split("/") for name in archive.namelist() if name.endswith(".png")]
        found += sorted({f"{alphabet}/{character}" for _, alphabet, character, _ in parts})
    assert list(real.names) == found
