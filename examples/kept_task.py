"""Tell drawings apart, keep what was learnt in a file, and name more drawings with it later.

python examples/kept_task.py                              # draws a folder itself
python examples/kept_task.py my_drawings new/*.png        # one sub-folder for each class, and files to name
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

import quickstudy


def draw(name: str, path: Path, shift: int) -> Path:
    """A circle or a cross."""
    image = Image.new("L", (60, 60), "white")
    pen = ImageDraw.Draw(image)
    if name == "circle":
        pen.ellipse((14 + shift, 14, 44, 44), outline="black", width=3)
    else:
        pen.line((14, 14 + shift, 44, 44), fill="black", width=3)
        pen.line((14, 44, 44, 14 + shift), fill="black", width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep an adapted task in a file.")
    parser.add_argument("folder", nargs="?", type=Path, help="one sub-folder of images for each class")
    parser.add_argument("files", nargs="*", type=Path, help="images to name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder, files = options.folder, options.files
        if folder is None:
            folder = work / "classes"
            for name in ("circle", "cross"):
                for number in (1, 2):
                    draw(name, folder / name / f"{number}.png", number)
            files = [draw(name, work / f"new-{name}.png", 3) for name in ("circle", "cross")]

        task = quickstudy.adapt(folder)
        quickstudy.save_task(work / "task.safetensors", task)
        # On another day, or on another machine: the images of the folder are not needed any more.
        again = quickstudy.load_task(work / "task.safetensors")
        for answer in again.predict(files):
            print(f"{Path(answer.query).name}: {answer.label}, {answer.confidence:.0%}")


if __name__ == "__main__":
    main()
