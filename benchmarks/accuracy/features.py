"""Classes named by features of a frozen encoder: class means beside the usual classifiers on the same features.

python benchmarks/accuracy/features.py FOLDER [--encoder text] [--ways 5 20] [--shots 1] [--skip N] [--out FILE]

FOLDER has a sub-folder of images, or of texts that end in .txt, for each class. For emoji a class is an emoji and its
images are those of the vendors: link each image of emoji-datasource-VENDOR (npm) into a folder with its code. Every
task has one query of each class. Settings are chosen on the first classes of the random order, with --classes 300;
--skip 300 leaves these out of the final figures.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from quickstudy.core import UserError
from quickstudy.datasets.image_folder import find_images
from quickstudy.estimators import FewShotClassifier
from quickstudy.estimators.encoders import as_encoder
from quickstudy.estimators.image_files import Pixels, read_image
from quickstudy.evaluation import Interval, provenance
from quickstudy.protocols.records import write_json

Features = Mapping[str, np.ndarray]
"""By class: (examples, D)."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and where to leave the figures."""

    encoder: Literal["photos", "text"] = "photos"
    """What reads the files."""
    ways: tuple[int, ...] = (5, 20)
    """Classes of a task."""
    shots: tuple[int, ...] = (1,)
    """Examples of each class."""
    tasks: int = 300
    """Tasks of each setting."""
    classes: int = 600
    """Most classes to read; they are drawn at random."""
    skip: int = 0
    """Classes at the beginning of the random order to leave out, such as those that settings were chosen by."""
    files: int = 200
    """Most files of a class to read; they are drawn at random."""
    seed: int = 0
    """Decides the classes and the tasks."""
    out: Path = Path(__file__).parents[1] / "results" / "features.json"
    """The JSON file to write."""


class ClassMeans:
    """Class means, compared by distance; or, centred by the examples and scaled to one length, by cosine."""

    def __init__(self, *, is_centred: bool = False) -> None:
        self.is_centred = is_centred

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ClassMeans":
        """Average the examples of each class."""
        self.middle = X.mean(axis=0)
        self.classes = np.unique(y)
        self.means = np.stack([self._read(X)[y == each].mean(axis=0) for each in self.classes])
        return self

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """The share of queries whose class is named."""
        means = normalize(self.means) if self.is_centred else self.means
        nearness = 2 * self._read(X) @ means.T - (means**2).sum(axis=1)
        return float((self.classes[nearness.argmax(axis=1)] == y).mean())

    def _read(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(normalize(X - self.middle)) if self.is_centred else X


CONTENDERS: dict[str, Callable[[], Any]] = {
    "clusters-transformer": lambda: FewShotClassifier("clusters-transformer"),
    "feature-means": lambda: FewShotClassifier("feature-means"),
    "table-means": lambda: FewShotClassifier("table-means"),
    "class means": ClassMeans,
    "class means, centred, by cosine": lambda: ClassMeans(is_centred=True),
    "logistic regression": lambda: LogisticRegression(max_iter=500, C=10),
    "nearest neighbour": lambda: KNeighborsClassifier(1),
}


def encoded(folder: Path, options: Options) -> Features:
    """Features of the files of each class.

    Raises:
        UserError: if a file cannot be read.
    """
    classes = find_images(folder) if options.encoder == "photos" else _texts(folder)
    random = np.random.default_rng(options.seed)
    encode = as_encoder(options.encoder)
    found = {}
    for name in random.permutation(sorted(classes))[options.skip :][: options.classes]:
        paths = classes[str(name)]
        chosen = [paths[place] for place in random.permutation(len(paths))[: options.files]]
        found[str(name)] = encode([_read(path) for path in chosen])
    return found


def _texts(folder: Path) -> dict[str, list[Path]]:
    found = {each.name: sorted(each.glob("*.txt")) for each in sorted(folder.iterdir()) if each.is_dir()}
    return {name: paths for name, paths in found.items() if paths}


def _read(path: Path) -> Any:
    if path.suffix == ".txt":
        return path.read_text(encoding="utf-8")
    image = read_image(path, is_photograph=True)
    if not isinstance(image, Pixels):
        raise UserError(image)
    return image.shades


def tasks(features: Features, ways: int, shots: int, options: Options) -> Iterator[tuple[np.ndarray, ...]]:
    """Examples with labels and queries with labels, task by task."""
    random = np.random.default_rng(options.seed)
    large = [each for each in features.values() if len(each) > shots]
    if len(large) < ways:
        raise UserError(f"{ways} ways were asked for, but {len(large)} classes have more than {shots} images.")
    for _ in range(options.tasks):
        chosen = [large[place] for place in random.permutation(len(large))[:ways]]
        drawn = [each[random.permutation(len(each))[: shots + 1]] for each in chosen]
        labels = np.arange(ways)
        support = np.concatenate([each[:shots] for each in drawn])
        yield support, labels.repeat(shots), np.stack([each[shots] for each in drawn]), labels


def main(folder: Annotated[Path, tyro.conf.Positional], options: Options) -> int:
    """Measure, print and store."""
    features = encoded(folder, options)
    rows: list[Mapping[str, Any]] = []
    for ways in options.ways:
        for shots in options.shots:
            for name, make in CONTENDERS.items():
                scores = [make().fit(x, y).score(q, t) for x, y, q, t in tasks(features, ways, shots, options)]
                accuracy = Interval.over(torch.tensor(scores))
                rows.append({"ways": ways, "shots": shots, "classifier": name, "accuracy": accuracy.record()})
                print(f"{ways}-way {shots}-shot, {name}: {accuracy}", flush=True)
            # After each, so that what was measured stays if the rest is stopped.
            about = {"data": folder.name, "encoder": options.encoder, "tasks": options.tasks, "skipped": options.skip}
            write_json(options.out, {**about, "rows": rows, **provenance()})
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
