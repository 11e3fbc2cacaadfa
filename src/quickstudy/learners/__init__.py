"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.learners.cnp import CNPClassifier, CNPClassifierState
from quickstudy.learners.nearest import Nearest, NearestState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState

__all__ = [
    "CNPClassifier",
    "CNPClassifierState",
    "Nearest",
    "NearestState",
    "ProtoNet",
    "ProtoNetState",
]
