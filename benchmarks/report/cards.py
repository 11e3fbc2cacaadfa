"""The cards of all shipped weights: docs/cards.md, and the figures of their calibrations in the package.

python benchmarks/report/cards.py [--check]

The figures of calibrations are those that `tools/calibrate.py` left in benchmarks/results. What `quickstudy card` shows
is the same text.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from quickstudy.cards import Card, card_of, markdown
from quickstudy.cards.text import table
from quickstudy.pretrained import available, describe

_ROOT = Path(__file__).parents[2]
_PACKAGE = _ROOT / "src/quickstudy/cards/calibrations.json"
_PAGE = _ROOT / "docs/cards.md"
_FIGURES = (
    "ways",
    "shots",
    "tasks",
    "accuracy",
    "calibration_error_before",
    "calibration_error",
    "auroc",
    "known_refused",
    "unknown_refused",
    "coverage",
    "set_size",
)
_TITLE = """# Cards of the trained weights

`python benchmarks/report/cards.py` writes this page; `quickstudy card NAME` shows one card, and `--json` gives it to a
program. Figures are percents of queries classified correctly, unless a row says otherwise, ± the 95 % interval.

Calibrations are fitted on classes that neither made the weights nor test them, and measured on Omniglot's `vinyals`
test classes. "Error" is the expected calibration error before and after the temperature. "Known if" is the score and
the threshold of "none of these". AUROC is the probability that a query of the task's classes has a higher score than
one of other classes. The last column says how often the true class was in a set that was to hold it 9 times of 10."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write the page, or only check it."""

    check: bool = False
    """Write nothing; exit with 1 where a file is not up to date."""
    results: Path = _ROOT / "benchmarks/results"
    """Where the figures of the calibrations are."""


def calibrations(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The figures of all calibrations, by the name of the weights.

    Args:
        results: Folder of the JSON files.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("calibration-*.json"))]
    return {record["weights"]: [{key: row[key] for key in _FIGURES} for row in record["test"]] for record in records}


def page() -> str:
    """All cards, after a table of them."""
    cards = [card_of(name) for name in available() if describe(name).is_trained]
    headings = ("weights", "learner", "trained on", "MB", "calibration error", "AUROC")
    overview = table(headings, [_row(card) for card in cards])
    return "\n\n".join([_TITLE, overview, *(markdown(card, "##") for card in cards)]) + "\n"


def _row(card: Card) -> list[str]:
    found = next((each for each in card.calibration_figures if (each["ways"], each["shots"]) == (5, 5)), None)
    fitted = ["", ""]
    if found is not None:
        fitted = [f"{100 * found['calibration_error']['mean']:.2f} %", f"{found['auroc']['mean']:.3f}"]
    link = f"[{card.name}](#{card.name})"
    return [link, card.learner, card.trained_on or "generated tasks", f"{card.megabytes:.2f}", *fitted]


def updated(results: Path) -> Iterator[tuple[Path, str]]:
    """Each file that is not up to date, with its text as it should be. The page reads the package's figures."""
    text = json.dumps(calibrations(results), indent=1) + "\n"
    if text != _PACKAGE.read_text(encoding="utf-8"):
        yield _PACKAGE, text
    text = page()
    if not _PAGE.exists() or text != _PAGE.read_text(encoding="utf-8"):
        yield _PAGE, text


def main(options: Options) -> int:
    """Write what is not up to date."""
    is_stale = False
    for path, text in updated(options.results):
        is_stale = True
        if options.check:
            print(f"cards: {path} is not up to date. Run python benchmarks/report/cards.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"written  {path}")
    return 1 if options.check and is_stale else 0


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(main(tyro.cli(Options, description=__doc__, config=config)))
