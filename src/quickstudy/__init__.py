"""Networks that learn a new task by reading a few labelled examples, in one forward pass.

learner = quickstudy.load("omniglot-protonet")
state = learner.adapt(support_x, support_y)   # reads the examples of a batch of tasks, once
prediction = learner.predict(state, query_x)  # a torch.distributions object; call it as often as you like
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quickstudy.core import load_state, save_state
    from quickstudy.estimators.stored_tasks import load_task, save_task
    from quickstudy.estimators.tasks_of_files import adapt
    from quickstudy.pretrained import available, load

__version__ = version("quickstudy")
__all__ = [
    "__version__",
    "adapt",
    "available",
    "load",
    "load_state",
    "load_task",
    "save_state",
    "save_task",
]


def __getattr__(name: str) -> Any:
    # Late, so that `quickstudy --help` need not wait for torch.
    if name in ("available", "load"):
        from quickstudy import pretrained

        return getattr(pretrained, name)
    if name in ("load_state", "save_state"):
        from quickstudy import core, learners  # noqa: F401  # Learners register the classes of their states.

        return getattr(core, name)
    if name == "adapt":
        from quickstudy.estimators.tasks_of_files import adapt

        return adapt
    if name in ("load_task", "save_task"):
        from quickstudy.estimators import stored_tasks

        return getattr(stored_tasks, name)
    raise AttributeError(f"module 'quickstudy' has no attribute '{name}'")
