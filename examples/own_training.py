"""Train on your own classes, then name images of classes that the training never saw.

python examples/own_training.py                                    # draws a folder of symbols itself
python examples/own_training.py my_images --steps 1000             # a folder with one sub-folder for each class
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image

import quickstudy
from quickstudy.cli import main as command
from quickstudy.datasets import class_folder, glyphs


def draw_classes(folder: Path) -> Path:
    """Twelve classes of six drawings."""
    for number, drawings in enumerate(glyphs.load(12, 6, seed=5)):
        (folder / f"symbol {number}").mkdir(parents=True)
        for index, ink in enumerate(drawings):
            Image.fromarray(255 - ink.numpy()).resize((84, 84)).save(folder / f"symbol {number}" / f"{index}.png")
    return folder


def train_and_name(folder: Path, steps: int, run: Path, work: Path) -> None:
    """Train, adapt to two of the test classes, and name an image of each."""
    command(["train", "folder-protonet", "--folder", str(folder), "--steps", str(steps), "--out", str(run)])

    found = class_folder.read(folder)  # The same division as that of the training.
    for index in class_folder.split(found.groups).test[:2]:
        files = sorted((folder / found.names[index]).iterdir())
        (work / "support" / found.names[index]).mkdir(parents=True)
        for file in files[:-1]:
            (work / "support" / found.names[index] / file.name).symlink_to(file.resolve())
        (work / "new").mkdir(exist_ok=True)
        (work / "new" / f"{found.names[index]}{files[-1].suffix}").symlink_to(files[-1].resolve())
    task = quickstudy.adapt(work / "support", run)
    for answer in task.predict(work / "new"):
        print(f"{Path(answer.query).stem}: {answer.label}, {answer.confidence:.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on your own classes, and name images of new ones.")
    parser.add_argument("folder", nargs="?", type=Path, help="one sub-folder of images for each class")
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps")
    parser.add_argument("--out", type=Path, help="folder of the run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder = options.folder or draw_classes(work / "symbols")
        train_and_name(folder, options.steps, options.out or work / "run", work)


if __name__ == "__main__":
    main()
