"""The pictures of docs/gallery.md, each of which shows how one system learns.

python benchmarks/report/gallery.py [NAME ...] [--out DIR] [--results DIR]

All of them come from the weights of the package and from generated characters; nothing is downloaded. `forgetting` is
made of the figures of `benchmarks/accuracy/continual.py`. `learning-curves` also leaves its figures in
learning_curves.json.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gallery_cells import draw_blur_synapses, draw_vsml_messages
from gallery_curves import draw_forgetting, draw_learning_curves
from gallery_reading import draw_attention, draw_hopfield, draw_memory
from gallery_weights import draw_delta_rule, draw_generated_weights, draw_self_reference, draw_traces
from quickstudy.core import UserError

_PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where the pictures and figures go."""

    out: Path = _PROJECT / "docs" / "gallery"
    """Folder of the pictures."""
    results: Path = _PROJECT / "benchmarks" / "results"
    """Folder of the JSON files."""


PICTURES: dict[str, Callable[[Path, Path], None]] = {
    "learning-curves": draw_learning_curves,
    "vsml-messages": lambda path, _: draw_vsml_messages(path),
    "blur-synapses": lambda path, _: draw_blur_synapses(path),
    "self-reference": lambda path, _: draw_self_reference(path),
    "delta-rule": lambda path, _: draw_delta_rule(path),
    "traces": lambda path, _: draw_traces(path),
    "generated-weights": lambda path, _: draw_generated_weights(path),
    "attention": lambda path, _: draw_attention(path),
    "memory": lambda path, _: draw_memory(path),
    "hopfield": lambda path, _: draw_hopfield(path),
    "forgetting": draw_forgetting,
}
"""What draws each picture, given its file and the folder of figures."""


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options = Options()) -> int:
    """Draw the pictures of these names; without any, all of them."""
    try:
        for name in names or PICTURES:
            if name not in PICTURES:
                raise UserError(f"There is no picture '{name}'. Choose one of: {', '.join(PICTURES)}.")
            path = options.out / f"{name}.png"
            PICTURES[name](path, options.results)
            print(path)
    except UserError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
