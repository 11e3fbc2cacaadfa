"""Blocks that know nothing of tasks."""

from quickstudy.networks.attention import KeysValues, TransformerBlock
from quickstudy.networks.causal_attention import CausalAttention
from quickstudy.networks.class_means import class_means, mask_absent
from quickstudy.networks.conv4 import Conv4, Downsampling
from quickstudy.networks.label_kinds import LabelKind, OneHotLabels, StringLabels
from quickstudy.networks.label_sequences import LabelSequences, LabelSequenceState
from quickstudy.networks.memory import LSTMState, MemoryState, access, empty_memory, lstm_inputs, lstm_step
from quickstudy.networks.normalisation import Normalisation, normalisation_2d
from quickstudy.networks.temporal import CausalBlock, CausalChain, CausalConvolution, DenseBlock, TCBlock
from quickstudy.networks.views import NumViews, Views

__all__ = [
    "CausalAttention",
    "CausalBlock",
    "CausalChain",
    "CausalConvolution",
    "Conv4",
    "DenseBlock",
    "Downsampling",
    "KeysValues",
    "LSTMState",
    "LabelKind",
    "LabelSequenceState",
    "LabelSequences",
    "MemoryState",
    "Normalisation",
    "NumViews",
    "OneHotLabels",
    "StringLabels",
    "TCBlock",
    "TransformerBlock",
    "Views",
    "access",
    "class_means",
    "empty_memory",
    "lstm_inputs",
    "lstm_step",
    "mask_absent",
    "normalisation_2d",
]
