import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import Tasks
from quickstudy.datasets import glyphs, omniglot
from quickstudy.sources import generated_tasks
from quickstudy.tasks import Episodes, Layout

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """So that no test's outcome depends on which tests ran before it in this process."""
    torch.manual_seed(0)
    # What a library draws from these must not depend on the order either.
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    # torch.compile switches the checks off for the whole process; nothing of ours does.
    Distribution.set_default_validate_args(True)
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.set_num_threads(1)
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None and dynamo.utils.counters["frames"]:  # Something was compiled, and is kept by its code.
        dynamo.reset()
        dynamo.utils.counters.clear()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def glyph_images() -> Tensor:
    """Bytes, (20 classes, 10 drawings, 28, 28)."""
    return glyphs.load(num_classes=20, num_drawings=10)


@pytest.fixture
def tasks(glyph_images, generator) -> Tasks:
    """Four 3-way 2-shot tasks with three queries a class; images are (1, 28, 28)."""
    return Episodes(glyph_images, Layout(ways=3, shots=2, queries=3)).sample(4, generator)


@pytest.fixture
def made_up_omniglot(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of Omniglot as many classes of noise, all drawings of a class alike, and no data set needed."""

    def load(root: object = None, size: int = 28) -> omniglot.Omniglot:
        names = omniglot.class_names()
        noise = np.random.default_rng(0).integers(0, 256, (len(names), 1, size, size), dtype=np.uint8)
        return omniglot.Omniglot(noise.repeat(20, axis=1), names)

    monkeypatch.setattr(omniglot, "load", load)


class Seen(NamedTuple):
    """What an image of the few characters tells of where it came from."""

    kind: str
    """character, or which glyphs: fresh, of the validation, of the test."""
    character: int
    """Which one; of glyphs, −1."""
    orientation: tuple[int, bool] | None
    """Quarters of a turn and whether it is mirrored, if the drawing is otherwise as it was; else it was changed."""


class FewCharacters:
    """Sixty-four classes in eight alphabets in place of Omniglot, each image telling its class and how it was turned.

    A square in the middle has a grey of its own for each class, which survives what moves or bends the image. Around it
    is noise, from which one reads the quarter turn, a mirror, and that nothing else has changed. All drawings of a
    class are alike. Of the two splits one trains on what the other is tested on, as Omniglot's do.

    `side` is that of the images where 28 are asked for: smaller ones tell the same in less time.
    """

    side = 28

    count = 64
    splits = {  # noqa: RUF012
        "lake": omniglot.Split(np.arange(16), np.arange(16, 36), np.arange(36, 64)),
        "vinyals": omniglot.Split(np.r_[0:16, 56:64], np.arange(16, 36), np.arange(36, 56)),
    }
    glyph_greys = {"fresh": 40, "validation": 50, "test": 60}  # noqa: RUF012

    def __init__(self) -> None:
        self._known: dict[int, dict[bytes, tuple[int, bool]]] = {}

    def load(self, root: object = None, size: int = 28) -> omniglot.Omniglot:
        size = self.side if size == 28 else size
        noise = np.random.default_rng(0).integers(0, 30, (self.count, 1, size, size), dtype=np.uint8)
        first, last = round(0.3 * size), round(0.7 * size)
        noise[:, :, first:last, first:last] = (255 - 2 * np.arange(self.count, dtype=np.uint8))[:, None, None, None]
        names = tuple(f"Alphabet{index // 8}/character{index % 8 + 1:02d}" for index in range(self.count))
        return omniglot.Omniglot(noise.repeat(20, axis=1), names)

    def glyphs(self, num_classes: int, num_drawings: int, generator: torch.Generator, kind: str, size: int) -> Tensor:
        """In place of generated characters: noise as well, and one grey for all of a kind."""
        size = self.side if size == 28 else size
        images = torch.randint(30, (num_classes, 1, size, size), generator=generator, dtype=torch.uint8)
        first, last = round(0.3 * size), round(0.7 * size)
        images[:, :, first:last, first:last] = self.glyph_greys[kind]
        return images.expand(-1, num_drawings, -1, -1).contiguous()

    def read(self, images: Tensor) -> list[Seen]:
        """What each of these images tells, of any leading dimensions, bytes or floats from 0 to 1."""
        size = images.shape[-1]
        flat = images.reshape(-1, size, size)
        as_bytes = flat if flat.dtype == torch.uint8 else flat.mul(255).round().to(torch.uint8)
        known = self._orientations(size)
        kinds = {grey: kind for kind, grey in self.glyph_greys.items()}
        seen = []
        for image, grey in zip(as_bytes, as_bytes.flatten(1).amax(1).tolist(), strict=True):
            kind = kinds.get(grey, "character")
            character = -1 if kind in self.glyph_greys else (255 - grey) // 2
            seen.append(Seen(kind, character, known.get(image.numpy().tobytes())))
        return seen

    def _orientations(self, size: int) -> dict[bytes, tuple[int, bool]]:
        if size in self._known:
            return self._known[size]
        known = self._known.setdefault(size, {})
        for image in self.load(size=size).images[:, 0]:
            for mirrored in (False, True):
                upright = image[:, ::-1] if mirrored else image
                for quarters in range(4):
                    known[np.rot90(upright, quarters).tobytes()] = (quarters, mirrored)
        return known


@pytest.fixture
def few_characters(monkeypatch: pytest.MonkeyPatch) -> FewCharacters:
    """In place of Omniglot and of the generated characters a few made-up ones that tell what they are."""
    characters = FewCharacters()

    def sample(num_classes: int, num_drawings: int, generator: torch.Generator, size: int = 28) -> Tensor:
        return characters.glyphs(num_classes, num_drawings, generator, "fresh", size)

    def load(num_classes: int = 200, num_drawings: int = 20, seed: int = 0, size: int = 28) -> Tensor:
        kind = {1: "validation", 2: "test"}[seed]
        return characters.glyphs(40, num_drawings, torch.Generator().manual_seed(seed), kind, size)

    monkeypatch.setattr(omniglot, "load", characters.load)
    monkeypatch.setattr(omniglot, "class_names", lambda: characters.load().names)
    monkeypatch.setattr(omniglot, "split", lambda name: characters.splits[name])
    monkeypatch.setattr(glyphs, "sample", sample)
    monkeypatch.setattr(glyphs, "load", load)
    # The real one remembers its glyphs for as long as the process lives.
    monkeypatch.setattr(generated_tasks, "_fixed_glyphs", generated_tasks._fixed_glyphs.__wrapped__)
    return characters


@pytest.fixture
def official_runs(tmp_path: Path) -> Path:
    """A folder of two runs of four characters, whose test drawings are in another order than the training drawings."""
    folder, runs, characters = tmp_path / "all_runs", 2, 4
    for run in range(1, runs + 1):
        name = f"run{run:02}"
        (folder / name / "training").mkdir(parents=True)
        (folder / name / "test").mkdir()
        lines = []
        for item in range(characters):
            of_class = (item + run) % characters
            for part, place, row in (("training", "class", item), ("test", "item", of_class)):
                paper = np.full((105, 105), 255, dtype=np.uint8)
                paper[20 * row + 5 : 20 * row + 15] = 0
                Image.fromarray(paper).convert("1").save(folder / name / part / f"{place}{item + 1:02}.png")
            lines.append(f"{name}/test/item{item + 1:02}.png {name}/training/class{of_class + 1:02}.png")
        (folder / name / "class_labels.txt").write_text("\n".join(lines) + "\n")
    return folder
