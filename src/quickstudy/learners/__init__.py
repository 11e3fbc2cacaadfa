"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.learners.cnp import CNPClassifier, CNPClassifierState
from quickstudy.learners.nearest import Nearest, NearestState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState
from quickstudy.learners.snail import SNAIL, SNAILState
from quickstudy.learners.transformer import InContextTransformer, InContextTransformerState

__all__ = [
    "SNAIL",
    "CNPClassifier",
    "CNPClassifierState",
    "InContextTransformer",
    "InContextTransformerState",
    "Nearest",
    "NearestState",
    "ProtoNet",
    "ProtoNetState",
    "SNAILState",
]
