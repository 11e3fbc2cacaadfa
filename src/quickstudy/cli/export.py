"""`quickstudy export NAME`: a learner as graphs for torch and for ONNX."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from quickstudy.cli.options import check_count, parse, print_json
from quickstudy.cli.outputs import check_folder
from quickstudy.export import Sizes, export_files
from quickstudy.export.files import Format
from quickstudy.pretrained import open_weights

_NAME_HELP = "Name of trained weights (see quickstudy list), or a run folder."


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What to write, and where."""

    out: Path | None = None
    """Folder of the files; by default one with the name of the weights."""
    format: Format = "both"
    """onnx, torch (.pt2 files), or both."""
    ways: int = 5
    """Classes of the task to trace with. graphs.json says whether the graphs take other numbers too."""
    shots: int = 2
    """Examples of each class in this task. graphs.json says whether the graphs take other numbers too."""
    json: bool = False
    """Print one JSON object instead of lines."""


def run(arguments: list[str]) -> int:
    """Export from command line arguments."""

    def command(
        name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help=_NAME_HELP)],
        graphs: ExportOptions,
    ) -> tuple[str, ExportOptions]:
        return name, graphs

    name, options = parse(command, "export", arguments)
    check_count("--ways", options.ways, 2)
    check_count("--shots", options.shots, 1)
    opened = open_weights(name)
    folder = options.out or Path(Path(name).name)
    check_folder("--out", folder)
    if not options.json:
        print(f"tracing {name}; this takes seconds to minutes", file=sys.stderr)
    sizes = Sizes(ways=options.ways, shots=options.shots)
    found = export_files(opened.experiment.learner, opened.header, folder, kind=options.format, sizes=sizes)
    if options.json:
        print_json({"files": [str(path) for path in found.files], "differences": found.differences})
        return 0
    for path in found.files:
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    for kind, difference in found.differences.items():
        print(f"{kind}: largest difference from the learner {difference:.1e}")
    return 0
