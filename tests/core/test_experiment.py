from quickstudy.core import Experiment
from quickstudy.learners import Nearest


def test_an_experiment_tells_its_learner_what_inputs_lie_between():
    learner, other = Nearest(), Nearest()
    settings = {"train": None, "validation": None, "test": {}, "steps": 0, "tasks_per_step": 1}
    Experiment(learner=learner, input_range=(0.0, 1.0), **settings)
    Experiment(learner=other, **settings)
    assert learner.input_range == (0.0, 1.0)
    assert other.input_range is None
