"""Rules without weights, which learners are compared with: most act, and one is the mean curve of known series."""

from quickstudy.baselines.bandit_rules import (
    UCB1,
    ArmRecord,
    BanditRule,
    EpsilonGreedy,
    Greedy,
    OptimisticThompson,
    RandomArm,
    Thompson,
)
from quickstudy.baselines.gittins import Gittins, gittins_indices
from quickstudy.baselines.maze_search import MazeMap, MazeSearch
from quickstudy.baselines.mdp_agents import MDPAgent, ProcessRecord, RandomChoice
from quickstudy.baselines.mdp_planners import OPSRL, PSRL, UCRL2, EpsilonGreedyPlanner, GreedyPlanner, ShortSighted
from quickstudy.baselines.planning import Sizes

__all__ = [
    "OPSRL",
    "PSRL",
    "UCB1",
    "UCRL2",
    "ArmRecord",
    "BanditRule",
    "EpsilonGreedy",
    "EpsilonGreedyPlanner",
    "Gittins",
    "Greedy",
    "GreedyPlanner",
    "MDPAgent",
    "MazeMap",
    "MazeSearch",
    "OptimisticThompson",
    "ProcessRecord",
    "RandomArm",
    "RandomChoice",
    "ShortSighted",
    "Sizes",
    "Thompson",
    "gittins_indices",
]
