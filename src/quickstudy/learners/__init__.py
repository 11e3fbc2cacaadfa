"""One file per paper. Each learner is read with two folders in mind: `core` and `networks`."""

from quickstudy.core import Experience, register_state
from quickstudy.learners._sequence_policies import PolicyState, SequencePolicy
from quickstudy.learners.amortised_gp import AmortisedGP, AmortisedGPState
from quickstudy.learners.attentive_cnp import AttentiveCNP, AttentiveCNPState
from quickstudy.learners.averaged_gp import AveragedGP, AveragedGPState
from quickstudy.learners.bidirectional import BLUR, BLURState
from quickstudy.learners.cnp import CNP, CNPClassifier, CNPClassifierState, CNPState
from quickstudy.learners.contrastive import ContrastiveEncoder, ContrastiveEncoderState
from quickstudy.learners.conv_cnp import ConvCNP, ConvCNPState, GridConvCNP, GridConvCNPState
from quickstudy.learners.decision_transformer import DecisionTransformer
from quickstudy.learners.delta_net import DeltaNet
from quickstudy.learners.hypernetwork import Hypernetwork, HypernetworkState
from quickstudy.learners.kernel_transformer import KernelTransformer, KernelTransformerState
from quickstudy.learners.lstm import LSTM
from quickstudy.learners.maml import MAML, MAMLState
from quickstudy.learners.mann import MANN, MANNCarried
from quickstudy.learners.mann_policy import MANNPolicy
from quickstudy.learners.metanet import MetaNet, MetaNetState
from quickstudy.learners.nearest import AutoencoderNearest, Nearest, NearestState
from quickstudy.learners.neural_process import NeuralProcess, NeuralProcessState
from quickstudy.learners.plastic import Plastic, PlasticState
from quickstudy.learners.policy_maml import PolicyMAML, PolicyMAMLState
from quickstudy.learners.protonet import ProtoNet, ProtoNetState
from quickstudy.learners.reptile import Reptile, ReptileState
from quickstudy.learners.rl2 import RL2
from quickstudy.learners.snail import SNAIL, SNAILState
from quickstudy.learners.snail_policy import SNAILPolicy
from quickstudy.learners.srwm import SRWM
from quickstudy.learners.standardised_means import StandardisedMeans, StandardisedMeansState
from quickstudy.learners.tnp import TNP, TNPState
from quickstudy.learners.transformer import InContextTransformer, InContextTransformerState
from quickstudy.learners.vsml import VSML, VSMLState
from quickstudy.networks.attention import KeysValues
from quickstudy.networks.kernel_evidence import KernelExamples
from quickstudy.networks.kernel_proposals import Proposals
from quickstudy.networks.label_sequences import LabelSequenceState
from quickstudy.networks.low_rank_updates import LowRankUpdate
from quickstudy.networks.memory import LSTMState, MemoryState
from quickstudy.networks.shared_cells import CellState
from quickstudy.networks.standard_units import Units
from quickstudy.networks.two_way_units import Synapses

__all__ = [
    "BLUR",
    "CNP",
    "LSTM",
    "MAML",
    "MANN",
    "RL2",
    "SNAIL",
    "SRWM",
    "TNP",
    "VSML",
    "AmortisedGP",
    "AmortisedGPState",
    "AttentiveCNP",
    "AttentiveCNPState",
    "AutoencoderNearest",
    "AveragedGP",
    "AveragedGPState",
    "BLURState",
    "CNPClassifier",
    "CNPClassifierState",
    "CNPState",
    "ContrastiveEncoder",
    "ContrastiveEncoderState",
    "ConvCNP",
    "ConvCNPState",
    "DecisionTransformer",
    "DeltaNet",
    "GridConvCNP",
    "GridConvCNPState",
    "Hypernetwork",
    "HypernetworkState",
    "InContextTransformer",
    "InContextTransformerState",
    "KernelTransformer",
    "KernelTransformerState",
    "MAMLState",
    "MANNCarried",
    "MANNPolicy",
    "MetaNet",
    "MetaNetState",
    "Nearest",
    "NearestState",
    "NeuralProcess",
    "NeuralProcessState",
    "Plastic",
    "PlasticState",
    "PolicyMAML",
    "PolicyMAMLState",
    "PolicyState",
    "ProtoNet",
    "ProtoNetState",
    "Reptile",
    "ReptileState",
    "SNAILPolicy",
    "SNAILState",
    "SequencePolicy",
    "StandardisedMeans",
    "StandardisedMeansState",
    "TNPState",
    "VSMLState",
]

for _state in (
    AmortisedGPState,
    AttentiveCNPState,
    BLURState,
    AveragedGPState,
    CNPClassifierState,
    CNPState,
    CellState,
    ContrastiveEncoderState,
    ConvCNPState,
    GridConvCNPState,
    HypernetworkState,
    InContextTransformerState,
    KernelExamples,
    KernelTransformerState,
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
    Experience,
    PolicyMAMLState,
    PolicyState,
    PlasticState,
    Proposals,
    ProtoNetState,
    ReptileState,
    SNAILState,
    Synapses,
    StandardisedMeansState,
    TNPState,
    Units,
    VSMLState,
):
    register_state(_state)
