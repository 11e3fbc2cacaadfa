"""Learn from a few drawings with exported graphs: numpy and onnxruntime are all that it needs.

quickstudy export omniglot-protonet --out protonet
python examples/exported_graph.py protonet
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime


def draw(name: str, shift: int) -> np.ndarray:
    """A bar or a frame, ink 1 on 0, (1, 28, 28)."""
    image = np.zeros((1, 28, 28), dtype=np.float32)
    if name == "bar":
        image[0, 12 + shift : 15 + shift, 4:24] = 1
    else:
        image[0, 6 + shift : 22, 6:22] = 1
        image[0, 8 + shift : 20, 8:20] = 0
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description="Learn from a few drawings with exported graphs.")
    parser.add_argument("folder", type=Path, help="folder that quickstudy export has written")
    folder = parser.parse_args().folder
    adapt, predict = (onnxruntime.InferenceSession(folder / f"{name}.onnx") for name in ("adapt", "predict"))

    names = ["bar", "frame"]
    given = {
        "support_x": np.stack([draw(name, shift) for name in names for shift in (0, 1)])[None],
        "support_y": np.array([[0, 0, 1, 1]]),
        "classes": np.arange(len(names)),
    }
    state = adapt.run(None, {each.name: given[each.name] for each in adapt.get_inputs()})

    queries = np.stack([draw(name, 2) for name in names])[None]
    inputs = [each.name for each in predict.get_inputs()]
    (log_probabilities,) = predict.run(None, dict(zip(inputs, [*state, queries], strict=True)))
    for name, row in zip(names, np.exp(log_probabilities[0]), strict=True):
        print(f"{name}: {names[int(row.argmax())]}, {row.max():.0%}")


if __name__ == "__main__":
    main()
