"""The table of README.md, for `benchmarks/report/tables.py`: one row for each learner, with its headline figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from accuracy_tables import headline
from quickstudy.protocols.records import interval_text, number
from table_layout import Record, table

Measure = Literal["accuracy", "second instance", "log-likelihood", "squared error", "small table"]

LEGEND = (
    "Figure: percent of queries classified correctly, 5-way 1-shot, on Omniglot's `vinyals` test classes: mean over "
    "1,000 tasks (VSML: 200) ± 95 % interval. Other cells name their measure. Published: the paper's own figure. A "
    "transductive learner sees all queries of a task at once."
)
_HEADINGS = ("learner", "idea", "file", "figure", "published")


@dataclass(frozen=True)
class LearnerRow:
    """What README.md says of one learner."""

    stem: str
    """Of its file and of its page."""
    title: str
    idea: str
    paper: str
    weights: str | None = None
    """Whose figure is shown; None where the package has no weights of this learner."""
    measure: Measure = "accuracy"


LEARNERS = (
    LearnerRow("protonet", "Prototypical Networks", "nearest class mean", "Snell et al., 2017", "omniglot-protonet"),
    LearnerRow(
        "cnp", "Conditional Neural Processes", "decode a mean of encodings", "Garnelo et al., 2018", "omniglot-cnp"
    ),
    LearnerRow(
        "mann",
        "MANN, and [`lstm.py`](src/quickstudy/learners/lstm.py)",
        "write to an external memory",
        "Santoro et al., 2016",
        "omniglot-mann-sequences",
        "second instance",
    ),
    LearnerRow("snail", "SNAIL", "temporal convolutions and attention", "Mishra et al., 2018", "omniglot-snail"),
    LearnerRow(
        "metanet", "Meta Networks", "fast weights from gradients", "Munkhdalai and Yu, 2017", "omniglot-metanet"
    ),
    LearnerRow(
        "maml", "MAML, ANIL, Meta-SGD", "gradient steps from a learnt start", "Finn et al., 2017", "omniglot-maml"
    ),
    LearnerRow(
        "reptile", "Reptile", "move the start towards trained weights", "Nichol et al., 2018", "omniglot-reptile"
    ),
    LearnerRow(
        "transformer", "In-context transformer", "attend to the support", "Kirsch et al., 2022", "omniglot-transformer"
    ),
    LearnerRow(
        "kernel_transformer",
        "Kernel transformer",
        "weigh kernels by what they left out",
        "Wolpert, 1992",
        "clusters-transformer",
        "small table",
    ),
    LearnerRow(
        "vsml",
        "VSML",
        "weights are recurrent cells that share one rule",
        "Kirsch and Schmidhuber, 2021",
        "omniglot-vsml",
    ),
    LearnerRow("bidirectional", "BLUR", "twenty numbers change all synapses", "Sandler et al., 2021"),
    LearnerRow(
        "delta_net", "DeltaNet", "write to fast weights by the delta rule", "Schlag et al., 2021", "omniglot-delta-net"
    ),
    LearnerRow(
        "srwm",
        "Self-referential weight matrix",
        "weights that rewrite themselves",
        "Irie et al., 2022",
        "omniglot-srwm",
    ),
    LearnerRow("hypernetwork", "Hypernetwork", "generate a classifier", "Ha et al., 2017", "omniglot-hypernetwork"),
    LearnerRow("plastic", "Differentiable plasticity", "a Hebbian trace", "Miconi et al., 2018", "omniglot-plastic"),
    LearnerRow(
        "contrastive", "Contrastive encoder", "trained without labels", "Chen et al., 2020", "omniglot-contrastive"
    ),
    LearnerRow(
        "nearest", "Nearest neighbour", "compare pixels; a baseline", "Vinyals et al., 2016", "omniglot-nearest"
    ),
    LearnerRow("attentive_cnp", "Attentive CNP", "each query attends to points", "Kim et al., 2019"),
    LearnerRow(
        "conv_cnp",
        "Convolutional CNP",
        "convolve a density of points",
        "Gordon et al., 2020",
        "omniglot-completion-conv-cnp",
        "squared error",
    ),
    LearnerRow(
        "tnp", "Transformer Neural Processes", "points as tokens", "Nguyen and Grover, 2022", "gp-tnp", "log-likelihood"
    ),
    LearnerRow(
        "amortised_gp",
        "Amortised Gaussian process",
        "a network proposes kernels",
        "Liu et al., 2020",
        "gp-general",
        "log-likelihood",
    ),
    LearnerRow(
        "neural_process", "Neural Processes", "a latent variable for a function", "Garnelo et al., 2018 (workshop)"
    ),
)
"""In the order of the table. A new learner is one more row."""


@dataclass(frozen=True)
class Measured:
    """All that the figures are read from."""

    accuracies: Sequence[Record]
    published: Sequence[Record]
    instances: Sequence[Record]
    published_instances: Sequence[Record]
    functions: Sequence[Record]
    completion: Record | None
    small_tables: Record | None = None


def learner_section(measured: Measured) -> str:
    """The legend and the table; a learner that was not measured has an empty cell."""
    return f"{LEGEND}\n\n{table(_HEADINGS, [_cells(row, measured) for row in LEARNERS], len(_HEADINGS))}"


def _cells(row: LearnerRow, measured: Measured) -> list[str]:
    title, _, beside = row.title.partition(", and ")
    figure, theirs = _figures(row, measured)
    return [
        f"[{title}](docs/learners/{row.stem}.md)",
        row.idea,
        f"[`{row.stem}.py`](src/quickstudy/learners/{row.stem}.py)" + (f", {beside}" if beside else ""),
        "no weights" if row.weights is None else figure,
        ", ".join(filter(None, [theirs, row.paper])),
    ]


def _figures(row: LearnerRow, measured: Measured) -> tuple[str, str]:
    """Ours and the paper's."""
    if row.weights is None:
        return "", ""
    if row.measure == "accuracy":
        return headline(measured.accuracies, measured.published, row.weights)
    if row.measure == "second instance":
        return _second_instance(row.weights, measured)
    if row.measure == "log-likelihood":
        return _log_likelihood(row.weights, measured.functions), ""
    if row.measure == "small table":
        return _small_table(row.weights, measured.small_tables), ""
    return _squared_error(row.weights, measured.completion), ""


def _second_instance(weights: str, measured: Measured) -> tuple[str, str]:
    ours = next((record for record in measured.instances if record["weights"] == weights), None)
    if ours is None:
        return "", ""
    theirs = next(
        record["accuracies"]["2nd"]
        for record in measured.published_instances
        if (record["label"], record["labels"], record["classes"]) == ("MANN", ours["labels"], ours["classes"])
    )
    second = interval_text(ours["result"]["accuracy_by_instance"][1], 2, times=100)
    return f"2nd drawing of a class: {second}", str(theirs)


def _log_likelihood(weights: str, functions: Sequence[Record]) -> str:
    """Of the first test of the recipe, with the exact posterior's."""
    for record in functions:
        if record["weights"] == weights and record["kind"] == "as tested" and record["result"] is not None:
            first: dict[str, Any] = record["result"]["test"][0]
            ours, exact = interval_text(first["log_likelihood"], 2), number(first["oracle"]["mean"], 2)
            return f"log-likelihood {ours} nats (exact posterior {exact})"
    return ""


def _squared_error(weights: str, completion: Record | None) -> str:
    if completion is None:
        return ""
    setting = completion["settings"][weights]["100 random pixels"]
    return f"squared error {interval_text(setting['squared_error'], 4)} from 100 pixels"


def _small_table(weights: str, record: Record | None) -> str:
    """Of the first table that was measured."""
    for row in [] if record is None else record["rows"]:
        if row["classifier"] == weights:
            accuracy = interval_text(row["accuracy"], 1, times=100)
            return f"{row['table']}, {row['rows']} rows a class: {accuracy}"
    return ""
