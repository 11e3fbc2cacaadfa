"""Your own ten images: folders of classes in, names of new images out.

python examples/own_images.py                        # draws ten images itself
python examples/own_images.py my_drawings new/*.png  # a folder with one sub-folder for each class, and files to name
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import quickstudy
from quickstudy.datasets import image_folder, prepare_drawing


def draw_images(folder: Path) -> tuple[Path, list[Path]]:
    """Ten images, two of each of five symbols, and one new image of each symbol."""
    noise = np.random.default_rng(0)

    def draw(symbol: str) -> Image.Image:
        image = Image.new("L", (96, 96), "white")
        pen = ImageDraw.Draw(image)
        left, top, right, bottom = (int(place) for place in np.array([22, 22, 74, 74]) + noise.integers(-6, 7, 4))
        if symbol == "circle":
            pen.ellipse((left, top, right, bottom), outline="black", width=5)
        elif symbol == "square":
            pen.rectangle((left, top, right, bottom), outline="black", width=5)
        elif symbol == "cross":
            pen.line((left, top, right, bottom), fill="black", width=5)
            pen.line((left, bottom, right, top), fill="black", width=5)
        elif symbol == "arrow":
            pen.line((left, top + 25, right, top + 25), fill="black", width=5)
            pen.line((right - 20, top, right, top + 25, right - 20, bottom), fill="black", width=5)
        else:
            pen.line((left, top, right, top, left, bottom, right, bottom), fill="black", width=5)
        return image

    new = []
    for symbol in ("circle", "square", "cross", "arrow", "zigzag"):
        (folder / "classes" / symbol).mkdir(parents=True)
        for number in (1, 2):
            draw(symbol).save(folder / "classes" / symbol / f"{number}.png")
        new.append(folder / f"new-{symbol}.png")
        draw(symbol).save(new[-1])
    return folder / "classes", new


def name_images(folder: Path, files: list[Path], weights: str) -> list[tuple[Path, str, float]]:
    """For each file the name of its class and the probability of that class."""
    images, num_drawings, names = image_folder.load(folder)
    is_drawing = np.arange(images.shape[1]) < num_drawings[:, None]  # Classes may have unequal numbers of images.
    support_x = images[is_drawing][None, :, None]  # (1 task, S, 1 channel, 28, 28), bytes: read as ink from 0 to 1.
    support_y = np.repeat(np.arange(len(names)), num_drawings)[None]  # (1, S)
    query_x = np.stack([prepare_drawing(file) for file in files])[None, :, None]

    learner = quickstudy.load(weights)
    state = learner.adapt(support_x, support_y)
    probabilities = learner.predict(state, torch.from_numpy(query_x)).probs[0]  # (Q, N)
    return [(file, names[int(row.argmax())], float(row.max())) for file, row in zip(files, probabilities, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Name new images by the classes of a folder.")
    parser.add_argument("folder", nargs="?", type=Path, help="one sub-folder of images for each class")
    parser.add_argument("files", nargs="*", type=Path, help="images to name")
    parser.add_argument("--weights", default="omniglot-protonet", help="trained weights: see `quickstudy list`")
    options = parser.parse_args()
    if options.folder and not options.files:
        parser.error("a folder was given, but no files to name. Give the files after the folder.")
    with tempfile.TemporaryDirectory() as drawn:
        folder, files = (options.folder, options.files) if options.folder else draw_images(Path(drawn))
        for file, name, probability in name_images(folder, files, options.weights):
            print(f"{file.name:24}{name:12}{probability:.0%}")


if __name__ == "__main__":
    main()
