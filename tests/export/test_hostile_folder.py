"""A folder as people have them gives the same predictions by the command, in Python and by exported graphs."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import quickstudy
from quickstudy.cli import main
from quickstudy.datasets import image_folder
from quickstudy.datasets.shades import read_file
from quickstudy.estimators.image_files import DrawingFiles, Pixels
from quickstudy.export import export_files
from quickstudy.pretrained import open_weights

LEARNER = "omniglot-protonet"


def drawn(name: str, number: int) -> Image.Image:
    """A grey drawing, whose lines the number moves."""
    image = Image.new("L", (80, 80), "white")
    pen = ImageDraw.Draw(image)
    box = (18 + number, 20, 58, 60 - number)
    if name == "кольцо ○":
        pen.ellipse(box, outline="black", width=4)
    elif name == "角":
        pen.line((box[0], box[1], box[0], box[3], box[2], box[3]), fill="black", width=4)
    else:
        pen.line((box[0], box[1], box[2], box[3]), fill="black", width=4)
        pen.line((box[0], box[3], box[2], box[1]), fill="black", width=4)
    return image


def photograph(image: Image.Image) -> Image.Image:
    """The drawing in ink on paper, photographed in uneven light."""
    light = np.linspace(0.6, 0.95, 240)[None] * np.linspace(1, 0.85, 240)[:, None]
    ink = 1 - 0.75 * (np.asarray(image.resize((240, 240))) < 128)
    shades = 255 * np.clip(light * ink + 0.01 * np.random.default_rng(0).normal(size=light.shape), 0, 1)
    return Image.fromarray(np.stack([shades, shades, 0.9 * shades], axis=2).astype(np.uint8))


def rotated(path: Path, image: Image.Image) -> None:
    """Stored a quarter turn away from how it is shown."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(path, exif=exif)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of the examples, and that of the queries."""
    support, query = tmp_path / "meine Bilder", tmp_path / "neue"
    query.mkdir()
    for name in ("кольцо ○", "角", "cross"):
        (support / name).mkdir(parents=True)
        for number in range(1, 4 if name == "角" else 3):
            drawn(name, number).save(support / name / f"{number}.png")
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=drawn("cross", 3).point(lambda shade: 255 - shade))
    clear.save(support / "cross" / "clear.png")
    drawn("角", 4).convert("1").save(support / "角" / "one bit.png")
    (support / "cross" / "broken.png").write_bytes(b"no image")
    (support / "cross" / ".hidden.png").write_bytes(b"nothing")
    (support / ".git").mkdir()
    (support / "cross" / "Thumbs.db").write_bytes(b"of another system")
    drawn("角", 5).convert("1").save(query / "1.png")
    rotated(query / "2.jpg", drawn("角", 6))
    photograph(drawn("кольцо ○", 3)).save(query / "3.jpg", quality=95)
    drawn("cross", 5).convert("RGB").save(query / "ünïcode ✗.png")
    (query / "broken.jpg").write_bytes(b"no image")
    return support, query


def test_a_hostile_folder_gives_the_same_by_the_command_in_python_and_by_graphs(
    hostile: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    support, query = hostile
    # By the command.
    arguments = ["--support", str(support), "--query", str(query), "--learner", LEARNER, "--json"]
    assert main(["predict", *arguments]) == 0
    printed = capsys.readouterr()
    assert "broken.png" in printed.err
    by_command = {Path(each["query"]).name: each for each in json.loads(printed.out)["predictions"]}
    # In Python.
    task = quickstudy.adapt(support, LEARNER)
    by_python = {Path(each.query).name: each for each in task.predict(query)}
    assert list(by_python) == list(by_command)
    assert by_python["broken.jpg"].problem is not None
    # By graphs, whose support is as the files are read.
    opened = open_weights(LEARNER)
    export_files(opened.experiment.learner, opened.header, tmp_path / "graphs", kind="onnx")
    adapt, predict = (
        onnxruntime.InferenceSession(tmp_path / "graphs" / f"{each}.onnx") for each in ("adapt", "predict")
    )
    files = {
        name: [Pixels(read_file(path, colour=True)) for path in paths if path.name != "broken.png"]
        for name, paths in image_folder.find_images(support).items()
    }
    reader = DrawingFiles.of([image for images in files.values() for image in images], 28)
    given = {
        "support_x": np.concatenate([reader.inputs(images) for images in files.values()])[None],
        "support_y": np.repeat(np.arange(len(files)), [len(images) for images in files.values()])[None],
        "classes": np.arange(len(files)),
    }
    state = adapt.run(None, {each.name: given[each.name] for each in adapt.get_inputs()})
    readable = [path for path in sorted(query.iterdir()) if path.name != "broken.jpg"]
    asked = reader.inputs([Pixels(read_file(path, colour=True)) for path in readable])[None]
    names = [each.name for each in predict.get_inputs()]
    (log_probabilities,) = predict.run(None, dict(zip(names, [*state, asked], strict=True)))
    for path, row in zip(readable, np.exp(log_probabilities[0]), strict=True):
        answer, told = by_python[path.name], by_command[path.name]
        found = dict(zip(files, row.tolist(), strict=True))
        assert answer.label == told["label"] == max(found, key=found.__getitem__)
        for name, probability in found.items():
            assert answer.probabilities[name] == pytest.approx(told["probabilities"][name], abs=1e-6)
            assert answer.probabilities[name] == pytest.approx(probability, abs=2e-3)
    labels = [by_python[path.name].label for path in readable]
    assert labels == ["角", "角", "кольцо ○", "cross"]
