"""The environments of `quickstudy.tasks` as those of Gymnasium, and learners that act in any of them.

They need the extra `rl`. Call `register_worlds` once; then `gymnasium.make("quickstudy/Bandit-v0")` and
`gymnasium.make_vec("quickstudy/Bandit-v0", num_envs=8)` make them.
"""

from quickstudy.worlds.player import Player
from quickstudy.worlds.registration import WORLDS, register_worlds

__all__ = ["WORLDS", "Player", "register_worlds"]
