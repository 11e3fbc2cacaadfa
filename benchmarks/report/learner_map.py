"""The map of docs/learners/index.md: every learner of the package by its family and by where it keeps a task."""

from inspect import isclass
from typing import Literal, NamedTuple, get_args

from torch import nn

import quickstudy.learners
from table_layout import table

Family = Literal[
    "compares with examples",
    "descends by gradients",
    "reads with a network",
    "networks that modify networks",
    "acts",
]
"""The first three are usually called metric-based, optimisation-based and model-based."""
Place = Literal[
    "examples or class means",
    "one summary",
    "activations",
    "rows of a memory",
    "weights",
    "fast weights",
    "a posterior",
]


class Entry(NamedTuple):
    """Where a learner stands on the map."""

    family: Family
    place: Place
    page: str
    """Relative to docs/learners."""
    title: str


_METRIC, _DESCENT, _READS, _MODIFIES, _ACTS = get_args(Family)
_MEANS, _SUMMARY, _ACTIVATIONS, _ROWS, _WEIGHTS, _FAST, _POSTERIOR = get_args(Place)

ENTRIES: dict[str, Entry] = {
    "ProtoNet": Entry(_METRIC, _MEANS, "protonet.md", "Prototypical Networks"),
    "StandardisedMeans": Entry(_METRIC, _MEANS, "protonet.md", "means of standardised features"),
    "ContrastiveEncoder": Entry(_METRIC, _MEANS, "contrastive.md", "contrastive encoder"),
    "Nearest": Entry(_METRIC, _MEANS, "nearest.md", "nearest neighbour"),
    "AutoencoderNearest": Entry(_METRIC, _MEANS, "nearest.md", "nearest code of an autoencoder"),
    "MAML": Entry(_DESCENT, _WEIGHTS, "maml.md", "MAML, ANIL, Meta-SGD"),
    "Reptile": Entry(_DESCENT, _WEIGHTS, "reptile.md", "Reptile"),
    "CNP": Entry(_READS, _SUMMARY, "cnp.md", "CNP"),
    "CNPClassifier": Entry(_READS, _SUMMARY, "cnp.md", "CNP for classes"),
    "ConvCNP": Entry(_READS, _SUMMARY, "conv_cnp.md", "convolutional CNP"),
    "GridConvCNP": Entry(_READS, _SUMMARY, "conv_cnp.md", "convolutional CNP on a grid"),
    "LSTM": Entry(_READS, _SUMMARY, "mann.md", "LSTM"),
    "AttentiveCNP": Entry(_READS, _ACTIVATIONS, "attentive_cnp.md", "attentive CNP"),
    "TNP": Entry(_READS, _ACTIVATIONS, "tnp.md", "transformer NP"),
    "SNAIL": Entry(_READS, _ACTIVATIONS, "snail.md", "SNAIL"),
    "InContextTransformer": Entry(_READS, _ACTIVATIONS, "transformer.md", "in-context transformer"),
    "MANN": Entry(_READS, _ROWS, "mann.md", "MANN"),
    "MetaNet": Entry(_READS, _FAST, "metanet.md", "Meta Networks"),
    "NeuralProcess": Entry(_READS, _POSTERIOR, "neural_process.md", "Neural Processes"),
    "AmortisedGP": Entry(_READS, _POSTERIOR, "amortised_gp.md", "amortised Gaussian process"),
    "AveragedGP": Entry(_READS, _POSTERIOR, "amortised_gp.md", "averaged Gaussian processes"),
    "VSML": Entry(_MODIFIES, _FAST, "vsml.md", "VSML"),
    "BLUR": Entry(_MODIFIES, _FAST, "bidirectional.md", "BLUR"),
    "DeltaNet": Entry(_MODIFIES, _FAST, "delta_net.md", "DeltaNet"),
    "SRWM": Entry(_MODIFIES, _FAST, "srwm.md", "self-referential weights"),
    "Plastic": Entry(_MODIFIES, _FAST, "plastic.md", "differentiable plasticity"),
    "Hypernetwork": Entry(_MODIFIES, _WEIGHTS, "hypernetwork.md", "hypernetwork"),
    "KernelTransformer": Entry(_READS, _ACTIVATIONS, "kernel_transformer.md", "kernel transformer"),
    "RL2": Entry(_ACTS, _SUMMARY, "../acting.md", "RL²"),
    "PolicyMAML": Entry(_ACTS, _WEIGHTS, "../acting.md", "MAML with policy gradients"),
    "MANNPolicy": Entry(_ACTS, _ROWS, "../acting.md", "MANN as a policy"),
    "SNAILPolicy": Entry(_ACTS, _ACTIVATIONS, "../acting.md", "SNAIL as a policy"),
    "DecisionTransformer": Entry(_ACTS, _ACTIVATIONS, "../acting.md", "decision transformer"),
}
"""By the name of the class. A new learner is one more line."""

NOT_ON_THE_MAP = {"SequencePolicy"}
"""What learners are built on, and no learner."""


def learner_classes() -> set[str]:
    """All learners that the package exports."""
    exported = {name: getattr(quickstudy.learners, name) for name in quickstudy.learners.__all__}
    return {name for name, each in exported.items() if isclass(each) and issubclass(each, nn.Module)} - NOT_ON_THE_MAP


def map_section() -> str:
    """The table: a row for each place, a column for each family."""
    families = get_args(Family)
    rows = [
        [place, *(_cell([each for each in ENTRIES.values() if each[:2] == (family, place)]) for family in families)]
        for place in get_args(Place)
    ]
    return table(("the task is kept in", *families), rows, 1 + len(families))


def _cell(entries: list[Entry]) -> str:
    return ", ".join(f"[{each.title}]({each.page})" for each in entries)
