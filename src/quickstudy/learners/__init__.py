"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.learners.attentive_cnp import AttentiveCNP, AttentiveCNPState
from quickstudy.learners.cnp import CNP, CNPClassifier, CNPClassifierState, CNPState
from quickstudy.learners.contrastive import ContrastiveEncoder, ContrastiveEncoderState
from quickstudy.learners.conv_cnp import ConvCNP, ConvCNPState, GridConvCNP, GridConvCNPState
from quickstudy.learners.lstm import LSTM
from quickstudy.learners.maml import MAML, MAMLState
from quickstudy.learners.mann import MANN, MANNCarried
from quickstudy.learners.metanet import MetaNet, MetaNetState
from quickstudy.learners.nearest import AutoencoderNearest, Nearest, NearestState
from quickstudy.learners.neural_process import NeuralProcess, NeuralProcessState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState
from quickstudy.learners.reptile import Reptile, ReptileState
from quickstudy.learners.snail import SNAIL, SNAILState
from quickstudy.learners.tnp import TNP, TNPState
from quickstudy.learners.transformer import InContextTransformer, InContextTransformerState

__all__ = [
    "CNP",
    "LSTM",
    "MAML",
    "MANN",
    "SNAIL",
    "TNP",
    "AttentiveCNP",
    "AttentiveCNPState",
    "AutoencoderNearest",
    "CNPClassifier",
    "CNPClassifierState",
    "CNPState",
    "ContrastiveEncoder",
    "ContrastiveEncoderState",
    "ConvCNP",
    "ConvCNPState",
    "GridConvCNP",
    "GridConvCNPState",
    "InContextTransformer",
    "InContextTransformerState",
    "MAMLState",
    "MANNCarried",
    "MetaNet",
    "MetaNetState",
    "Nearest",
    "NearestState",
    "NeuralProcess",
    "NeuralProcessState",
    "ProtoNet",
    "ProtoNetState",
    "Reptile",
    "ReptileState",
    "SNAILState",
    "TNPState",
]
