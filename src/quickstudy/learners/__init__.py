"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.learners.cnp import CNPClassifier, CNPClassifierState
from quickstudy.learners.lstm import LSTM
from quickstudy.learners.mann import MANN, MANNCarried
from quickstudy.learners.nearest import AutoencoderNearest, Nearest, NearestState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState
from quickstudy.learners.snail import SNAIL, SNAILState
from quickstudy.learners.transformer import InContextTransformer, InContextTransformerState

__all__ = [
    "LSTM",
    "MANN",
    "SNAIL",
    "AutoencoderNearest",
    "CNPClassifier",
    "CNPClassifierState",
    "InContextTransformer",
    "InContextTransformerState",
    "MANNCarried",
    "Nearest",
    "NearestState",
    "ProtoNet",
    "ProtoNetState",
    "SNAILState",
]
