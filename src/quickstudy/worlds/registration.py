"""The names of our environments in Gymnasium's registry."""

from typing import Any

from quickstudy.core import UserError
from quickstudy.tasks import Bandits, Mazes, MDPs, Navigation

WORLDS: dict[str, Any] = {
    "quickstudy/Bandit-v0": Bandits,
    "quickstudy/MDP-v0": MDPs,
    "quickstudy/Maze-v0": Mazes,
    "quickstudy/Navigation-v0": Navigation,
}
"""The environment of each name. `gymnasium.make` takes its arguments, such as `num_arms`."""


def register_worlds() -> None:
    """Make our environments known to Gymnasium, single and vector form. Doing it twice changes nothing.

    Raises:
        UserError: if Gymnasium is not installed.
    """
    gymnasium = gymnasium_module()
    for name in WORLDS:
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="quickstudy.worlds.trial_env:TrialEnv",
                vector_entry_point="quickstudy.worlds.trial_env:TrialVectorEnv",
                kwargs={"world": name},
            )


def gymnasium_module() -> Any:
    """The library.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import gymnasium
    except ImportError:
        raise UserError(
            "These environments need Gymnasium, which is not installed: pip install 'quickstudy[rl]'."
        ) from None
    return gymnasium
