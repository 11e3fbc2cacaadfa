"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.core import register_state
from quickstudy.learners._sequence_policies import PolicyState, SequencePolicy
from quickstudy.learners.amortised_gp import AmortisedGP, AmortisedGPState
from quickstudy.learners.attentive_cnp import AttentiveCNP, AttentiveCNPState
from quickstudy.learners.cnp import CNP, CNPClassifier, CNPClassifierState, CNPState
from quickstudy.learners.contrastive import ContrastiveEncoder, ContrastiveEncoderState
from quickstudy.learners.conv_cnp import ConvCNP, ConvCNPState, GridConvCNP, GridConvCNPState
from quickstudy.learners.decision_transformer import DecisionTransformer
from quickstudy.learners.lstm import LSTM
from quickstudy.learners.maml import MAML, MAMLState
from quickstudy.learners.mann import MANN, MANNCarried
from quickstudy.learners.metanet import MetaNet, MetaNetState
from quickstudy.learners.nearest import AutoencoderNearest, Nearest, NearestState
from quickstudy.learners.neural_process import NeuralProcess, NeuralProcessState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState
from quickstudy.learners.reptile import Reptile, ReptileState
from quickstudy.learners.rl2 import RL2
from quickstudy.learners.snail import SNAIL, SNAILState
from quickstudy.learners.snail_policy import SNAILPolicy
from quickstudy.learners.tnp import TNP, TNPState
from quickstudy.learners.transformer import InContextTransformer, InContextTransformerState
from quickstudy.networks.attention import KeysValues
from quickstudy.networks.kernel_proposals import Proposals
from quickstudy.networks.label_sequences import LabelSequenceState
from quickstudy.networks.low_rank_updates import LowRankUpdate
from quickstudy.networks.memory import LSTMState, MemoryState
from quickstudy.networks.standard_units import Units

__all__ = [
    "CNP",
    "LSTM",
    "MAML",
    "MANN",
    "RL2",
    "SNAIL",
    "TNP",
    "AmortisedGP",
    "AmortisedGPState",
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
    "DecisionTransformer",
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
    "PolicyState",
    "ProtoNet",
    "ProtoNetState",
    "Reptile",
    "ReptileState",
    "SNAILPolicy",
    "SNAILState",
    "SequencePolicy",
    "TNPState",
]

for _state in (
    AmortisedGPState,
    AttentiveCNPState,
    CNPClassifierState,
    CNPState,
    ContrastiveEncoderState,
    ConvCNPState,
    GridConvCNPState,
    InContextTransformerState,
    KeysValues,
    LSTMState,
    LabelSequenceState,
    LowRankUpdate,
    MAMLState,
    MANNCarried,
    MemoryState,
    MetaNetState,
    NearestState,
    NeuralProcessState,
    PolicyState,
    Proposals,
    ProtoNetState,
    ReptileState,
    SNAILState,
    TNPState,
    Units,
):
    register_state(_state)
