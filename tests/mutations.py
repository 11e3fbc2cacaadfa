"""Which faults the tests would let pass: `python tests/mutations.py [WORDS OF A FAULT...]`.

Each fault of the list is put into a copy of the source, alone, and the tests that should notice run on it. Whatever
survives is printed at the end, and the exit code is then 1. Not part of CI, for it takes minutes: run it after changes
to recipes, training, evaluation or the command line, and add a fault wherever a mistake went unnoticed.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PARTS = ("src", "tests", "benchmarks", "tools", "pyproject.toml", "README.md")

CONTRACT, WIRING = "tests/recipes/test_contract.py", "tests/cli/test_wiring.py"
OPTIMISATION, LOOP = "tests/training/test_optimisation.py", "tests/training/test_loop.py"


class Fault(NamedTuple):
    """A mistake somebody could make."""

    name: str
    file: str
    """Below src/quickstudy."""
    old: str
    """Found exactly once in the file."""
    new: str
    tests: str
    """What pytest is to run."""


FAULTS = [
    # What a frozen encoder reads once, and who searches mazes.
    Fault(
        "an encoder that is trained later reads each input once",
        "training/schedule.py",
        'is_frozen_to_the_end = "encoder" in experiment.frozen and experiment.frozen_share == 1',
        'is_frozen_to_the_end = "encoder" in experiment.frozen',
        "tests/training/test_schedule.py",
    ),
    Fault(
        "eval mode gets the features of training",
        "evaluation/encoding_once.py",
        "by_mode[encoder.training](x_TS)",
        "by_mode[True](x_TS)",
        "tests/evaluation/test_encoding_once.py",
    ),
    Fault(
        "images that are changed once are changed again in each step",
        "sources/characters.py",
        "            return pooled(Episodes, changed, layout, self.pool)",
        "            return pooled(Episodes, changed, layout._replace(jitter=self.change()), self.pool)",
        "tests/sources/test_characters.py",
    ),
    Fault(
        "the search of mazes goes to unseen squares rather than to the goal",
        "baselines/maze_search.py",
        ".masked_fill(~state.is_seen, _FAR)",
        ".masked_fill(~state.is_seen, 0.0)",
        "tests/baselines/test_maze_search.py",
    ),
    Fault(
        "the search of mazes stays at the goal when an episode ends",
        "baselines/maze_search.py",
        "place_T2.masked_fill(experience.ended[:, step, None], self.middle)",
        "place_T2",
        "tests/baselines/test_maze_search.py",
    ),
    Fault(
        "the highest layer of symmetric signs has a bias",
        "networks/two_way_units.py",
        "torch.zeros(1)])[:, None]",
        "torch.ones(1)])[:, None]",
        "tests/networks/test_two_way_units.py",
    ),
    Fault(
        "the transformer reads a large class more",
        "learners/transformer.py",
        "x_TQC = block(x_TQC, seen, *state.rarity)",
        "x_TQC = block(x_TQC, seen)",
        "tests/learners/test_transformer.py",
    ),
    Fault(
        "the transformer compares labels after all",
        "learners/transformer.py",
        "x_TSC = block(x_TSC, layers[-1], may_read, compared)",
        "x_TSC = block(x_TSC, layers[-1], may_read)",
        "tests/learners/test_transformer.py",
    ),
    Fault(
        "CNP's decoder swaps the class and the mean",
        "learners/cnp.py",
        "class_HD, mean_HD, query_HD = first",
        "mean_HD, class_HD, query_HD = first",
        "tests/learners/test_cnp.py",
    ),
    # Which images reach which tasks.
    Fault(
        "the left-out answer of a kernel still reads the example",
        "networks/kernel_evidence.py",
        "target_TSN[:, None] - weights_TVSN / inverse_TVSS.diagonal",
        "target_TSN[:, None] - 0.5 * weights_TVSN / inverse_TVSS.diagonal",
        "tests/networks/test_kernel_evidence.py",
    ),
    Fault(
        "photographs get the paper of drawings",
        "datasets/shades.py",
        "        if paper is not None:",
        "        if paper is None and not colour:",
        "tests/datasets/test_shades.py",
    ),
    Fault(
        "partial_fit passes the names of classes over",
        "estimators/classifier.py",
        "            X, y = with_names(X, y, self.class_names, self.name_weight, classes)\n",
        "",
        "tests/estimators/test_class_names.py",
    ),
    Fault(
        "the place of a task is tried only once the examples are read",
        "cli/adapt.py",
        '    check_file("--out", out)\n    task = adapted(support, options)',
        '    task = adapted(support, options)\n    check_file("--out", out)',
        "tests/cli/test_outputs.py",
    ),
    Fault(
        "names of classes are not moved to the images",
        "estimators/class_names.py",
        "(named - named[has_examples].mean(axis=0)) + middle",
        "(named - named[has_examples].mean(axis=0))",
        "tests/estimators/test_class_names.py",
    ),
    Fault(
        "own series: test series give their units too",
        "sources/own_series.py",
        'places, values = self._of_part("train")',
        'places, values = self._of_part("test")',
        "tests/sources/test_own_series.py",
    ),
    Fault(
        "own series: a given point is among the queries",
        "tasks/series.py",
        "query_TQ = num_support + torch.arange",
        "query_TQ = torch.arange",
        "tests/tasks/test_series.py",
    ),
    Fault(
        "own series: predictions stay in the learner's units",
        "learners/cnp.py",
        "return prediction if self.units is None else self.units.of_user(prediction)",
        "return prediction",
        "tests/networks/test_data_units.py",
    ),
    Fault(
        "weights of features depend on their units",
        "networks/kernel_evidence.py",
        "separation_TD = _separation(standard_TSD, is_of_TSN)",
        "separation_TD = _separation(x_TSD - middle_TD[:, None], is_of_TSN) * spread_TD",
        "tests/networks/test_kernel_evidence.py",
    ),
    Fault(
        "own classes: a group may be in two parts",
        "datasets/class_folder.py",
        "if name in parts[part]",
        'if name in parts[part] or (part == "test" and index == 0)',
        "tests/datasets/test_class_folder.py -k 'groups or part'",
    ),
    Fault(
        "own classes: images of the training may be a test",
        "protocols/image_tasks.py",
        "    if leaked:",
        "    if leaked < 0:",
        "tests/recipes/test_folder_classes.py -k no_test",
    ),
    Fault(
        "graphs of inner loops forget the share of normalisation in the gradient",
        "networks/explicit_gradients.py",
        " - normal_TMC * along_T1C",
        "",
        "tests/networks/test_explicit_gradients.py",
    ),
    Fault(
        "ProtoNet's test episodes are jittered",
        "sources/characters.py",
        '{title: omniglot_episodes(self.split, "test", layout) for',
        '{title: omniglot_episodes(self.split, "test", layout._replace(jitter=Jitter())) for',
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "ProtoNet's validation episodes are jittered",
        "sources/characters.py",
        'return omniglot_episodes(self.split, "validation", layout)',
        'return omniglot_episodes(self.split, "validation", layout._replace(jitter=Jitter()))',
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "jitter moves nothing",
        "sources/characters.py",
        "Jitter() if self.jitter else None",
        "None",
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "sequences are never jittered",
        "sources/characters.py",
        "(Jitter(shift=1.5) if self.jitter else None)",
        "None",
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "the jitter of completed images is left out",
        "recipes/_completion.py",
        "jitter=Jitter() if jitter else None",
        "jitter=None",
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "evaluate jitters test images",
        "protocols/few_shot.py",
        "self.queries, shuffled_labels=",
        'self.queries, __import__("quickstudy.tasks").tasks.Jitter(), shuffled_labels=',
        f"{WIRING} -k upright",
    ),
    Fault(
        "test classes are rotated",
        "sources/characters.py",
        '{title: omniglot_episodes(self.split, "test", layout) for',
        '{title: omniglot_episodes(self.split, "test", layout, rotations=True) for',
        f"{CONTRACT} -k training_alone_is_turned",
    ),
    Fault(
        "classes are rotated whatever was asked",
        "sources/omniglot_tasks.py",
        "chosen = rotated_classes(upright) if rotations else upright",
        "chosen = rotated_classes(upright)",
        f"{CONTRACT} -k training_alone_is_turned",
    ),
    Fault(
        "test images to complete are rotated",
        "sources/completions.py",
        'if rotations and part == "train"',
        "if rotations",
        f"{CONTRACT} -k training_alone_is_turned",
    ),
    Fault(
        "training classes are not rotated",
        "sources/characters.py",
        "return rotated_classes(warped_classes(",
        "return torch.as_tensor(warped_classes(",
        f"{CONTRACT} -k training_alone_is_turned",
    ),
    Fault(
        "pooled training has no jitter",
        "sources/pools.py",
        "Layout(classes, 1, drawings - 1, jitter=layout.jitter)",
        "Layout(classes, 1, drawings - 1)",
        f"{CONTRACT} -k jitter",
    ),
    Fault(
        "--distortion ignores its strength",
        "sources/characters.py",
        "Augmentation().times(self.distortion)",
        "Augmentation()",
        f"{CONTRACT} -k distortion",
    ),
    Fault(
        "the distortion of sequences ignores its strength",
        "sources/characters.py",
        "displacement=1.1).times(self.distortion)",
        "displacement=1.1)",
        f"{CONTRACT} -k distortion",
    ),
    Fault(
        "the strength of views is ignored",
        "recipes/contrastive.py",
        "Augmentation().times(strength)",
        "Augmentation()",
        f"{CONTRACT} -k views",
    ),
    Fault(
        "views of an image are ignored at prediction",
        "recipes/protonet.py",
        "ProtoNet(Views(encoder, views))",
        "ProtoNet(Views(encoder, 1))",
        "tests/recipes/test_protonet.py",
    ),
    Fault(
        "a final training keeps the weights that generated characters favour",
        "recipes/_episodes.py",
        "validate_every=max(optimisation.steps, 1) if characters.final else 500",
        "validate_every=500",
        "tests/recipes/test_protonet.py",
    ),
    Fault(
        "a distorted image is hardly shifted",
        "sources/characters.py",
        "distorted._replace(shift=max(distorted.shift, Jitter().shift)) if self.jitter else distorted",
        "distorted",
        "tests/sources/test_characters.py -k jittered",
    ),
    Fault(
        "warped copies differ from run to run",
        "sources/characters.py",
        "warp, torch.Generator().manual_seed(0))",
        "warp, torch.Generator().manual_seed(int(torch.randint(1 << 30, ()))))",
        f"{CONTRACT} -k copies",
    ),
    Fault(
        "warped copies are left out",
        "sources/characters.py",
        "warped_classes(upright, self.copies,",
        "warped_classes(upright, 0 * self.copies,",
        f"{CONTRACT} -k copies",
    ),
    Fault(
        "mirror images are left out",
        "sources/characters.py",
        "mirrored_classes(chosen) if self.mirrored else torch.as_tensor(chosen)",
        "torch.as_tensor(chosen)",
        f"{CONTRACT} -k mirror",
    ),
    Fault(
        "a final training is validated on classes that it trains on",
        "sources/characters.py",
        '        if self.final:\n            return glyph_episodes("validation", layout)\n',
        "",
        f"{CONTRACT} -k final",
    ),
    Fault(
        "a final training on sequences is validated on classes that it trains on",
        "sources/characters.py",
        "        if not self.final:\n            return omniglot_sequences",
        "        if True:\n            return omniglot_sequences",
        f"{CONTRACT} -k final",
    ),
    Fault(
        "a final training leaves the validation classes out",
        "sources/characters.py",
        '"train and validation" if self.final else "train"',
        '"train"',
        f"{CONTRACT} -k final",
    ),
    Fault(
        "every training has the validation classes",
        "sources/characters.py",
        '"train and validation" if self.final else "train"',
        '"train and validation"',
        f"{CONTRACT} -k own_tasks",
    ),
    Fault(
        "generated and drawn characters change their shares",
        "sources/pools.py",
        "[1 - generated, generated]",
        "[generated, 1 - generated]",
        f"{CONTRACT} -k generated",
    ),
    Fault(
        "generated characters are not jittered",
        "sources/characters.py",
        "lambda: pooled(GeneratedEpisodes, turned_glyphs, layout, self.pool)",
        "lambda: pooled(GeneratedEpisodes, turned_glyphs, layout._replace(jitter=None), self.pool)",
        f"{CONTRACT} -k generated",
    ),
    Fault(
        "glyphs of the test are those of the validation",
        "sources/generated_tasks.py",
        'GLYPH_SEEDS = {"validation": 1, "test": 2}',
        'GLYPH_SEEDS = {"validation": 1, "test": 1}',
        f"{CONTRACT} -k glyphs",
    ),
    Fault(
        "glyphs to train on are those of the test",
        "sources/generated_tasks.py",
        'if part == "train":\n            return GeneratedEpisodes(',
        'if part == "train":\n            return glyph_episodes("test", layout)(data_root)\n'
        "            return GeneratedEpisodes(",
        f"{CONTRACT} -k glyphs",
    ),
    # How a training goes.
    Fault(
        "a training resumes without the random state",
        "training/run.py",
        'torch.set_rng_state(tensors["random.cpu"])',
        "pass",
        OPTIMISATION,
    ),
    Fault(
        "a training resumes without the optimiser's memory",
        "training/run.py",
        'load_state_dict({"state": state,',
        'load_state_dict({"state": {},',
        f"{LOOP} -k resumed",
    ),
    Fault(
        "a training resumes with its weights in place of their average",
        "training/run.py",
        '_below("average", tensors)',
        '_below("average", {name.replace("learner.", "average.module."): tensors[name] for name in tensors}'
        ' | {"average.n_averaged": tensors["average.n_averaged"]})',
        f"{LOOP} -k resumed",
    ),
    Fault(
        "the decay of the average is inverted",
        "training/run.py",
        "lerp(current, 1 - min(",
        "lerp(current, min(",
        OPTIMISATION,
    ),
    Fault(
        "the average has no short early memory",
        "training/run.py",
        "min(decay, (1 + count) / (10 + count))",
        "decay",
        OPTIMISATION,
    ),
    Fault(
        "the best weights are not the average",
        "training/loop.py",
        "self.learner if self.average is None else self.average.module",
        "self.learner",
        f"{OPTIMISATION} {LOOP}",
    ),
    Fault(
        "the gradient is never clipped",
        "training/loop.py",
        "if clip is not None:",
        "if False:",
        OPTIMISATION,
    ),
    Fault(
        "Adam ignores the weight decay",
        "training/schedule.py",
        "AdamW(parameters, lr=rate, weight_decay=decay)",
        "AdamW(parameters, lr=rate, weight_decay=0.0)",
        OPTIMISATION,
    ),
    Fault(
        "SGD ignores the weight decay",
        "training/schedule.py",
        "SGD(parameters, lr=rate, weight_decay=decay)",
        "SGD(parameters, lr=rate)",
        OPTIMISATION,
    ),
    Fault(
        "RMSProp ignores the weight decay",
        "training/schedule.py",
        "momentum=0.9, weight_decay=decay)",
        "momentum=0.9)",
        OPTIMISATION,
    ),
    Fault(
        "the learning rate does not warm up",
        "training/schedule.py",
        "rise = min(1.0, (step + 1) / max(1, optimisation.warmup_steps))",
        "rise = 1.0",
        OPTIMISATION,
    ),
    Fault(
        "the learning rate does not fall",
        "training/schedule.py",
        "rise * 0.5 * (1 + math.cos(math.pi * fraction))",
        "rise",
        OPTIMISATION,
    ),
    Fault(
        "each process draws the whole batch",
        "training/loop.py",
        "drawn_from.sample(self.own_tasks, generator)",
        "drawn_from.sample(self.experiment.optimisation.tasks_per_step, generator)",
        OPTIMISATION,
    ),
    Fault(
        "policy and value network are clipped together",
        "training/loop.py",
        "for name in self.learner.clipped_apart]",
        "for name in ()]",
        "tests/training/test_practising.py",
    ),
    Fault(
        "the end of an episode cuts what an action is worth",
        "training/rollouts.py",
        "real_TL = trials.is_real.to(value_TL.dtype)",
        "real_TL = (~trials.experience.ended).to(value_TL.dtype)",
        "tests/training/test_rollouts.py",
    ),
    Fault(
        "a step is read with its own reward",
        "learners/_sequence_policies.py",
        "before_TLC = torch.cat([last_TC[:, None], after_TLC[:, :-1]], dim=1)",
        "before_TLC = after_TLC",
        "tests/learners/test_sequence_policies.py",
    ),
    Fault(
        "acting: later episodes count where episodes are apart",
        "training/rollouts.py",
        "ended_TL = trials.experience.ended if episodes_are_apart",
        "ended_TL = trials.experience.ended if False",
        "tests/training/test_rollouts.py",
    ),
    Fault(
        "acting: the inner gain is that of log-probabilities",
        "learners/policy_maml.py",
        "ratio_TL = (log_probability_TL - log_probability_TL.detach()).exp()",
        "ratio_TL = log_probability_TL",
        "tests/learners/test_policy_maml.py",
    ),
    Fault(
        "acting: MAML is scored on the episodes before its gradient step",
        "learners/policy_maml.py",
        "(self._part(tasks.experience) > 0)",
        "(self._part(tasks.experience) >= 0)",
        "tests/learners/test_policy_maml.py",
    ),
    Fault(
        "acting: a gradient step is taken with one episode too few",
        "learners/policy_maml.py",
        "remembered.ended.sum(dim=1) // self.episodes > num_T",
        "(remembered.ended.sum(dim=1) + 1) // self.episodes > num_T",
        "tests/learners/test_policy_maml.py",
    ),
    Fault(
        "acting: the transformer reads the next step",
        "networks/causal_transformer.py",
        ".tril(num_all - num_new)",
        ".tril(num_all - num_new + 1)",
        "tests/learners/test_sequence_policies.py",
    ),
    Fault(
        "acting: the most probable action is taken",
        "core/distributions.py",
        "return torch.multinomial(flat_BN, 1, generator=generator).view(prediction.batch_shape)",
        "return flat_BN.argmax(dim=1).view(prediction.batch_shape)",
        "tests/core/test_distributions.py",
    ),
    Fault(
        "acting: the regret of a picture is the reward",
        "protocols/trial_rewards.py",
        "regrets = [bandits.regret(each.world, each.experience.action) for each in trials]",
        "regrets = [each.reward for each in trials]",
        "tests/protocols/test_trial_pictures.py",
    ),
    Fault(
        "the advantage is scaled within each trial",
        "training/rollouts.py",
        "(advantage_TL - real.mean())",
        "(advantage_TL - advantage_TL.mean(dim=1, keepdim=True))",
        "tests/training/test_rollouts.py",
    ),
    Fault(
        "all processes draw the same tasks",
        "training/loop.py",
        "self.fabric.global_rank, step)",
        "0, step)",
        OPTIMISATION,
    ),
    Fault(
        "a frozen part is trained",
        "training/schedule.py",
        ".requires_grad_(not is_frozen)",
        "",
        f"{LOOP} -k frozen",
    ),
    Fault(
        "a frozen part goes on with its statistics",
        "training/schedule.py",
        "module.train(not is_frozen)",
        "module.train()",
        f"{LOOP} -k frozen",
    ),
    Fault(
        "the weight decay asked for does not reach the training",
        "recipes/_label_sequences.py",
        "optimisation=optimisation,",
        "optimisation=sequence_optimisation(),",
        f"{CONTRACT} -k optimiser",
    ),
    Fault(
        "the decay of the average asked for does not reach the training",
        "recipes/_episodes.py",
        "characters.tests(tests),\n        optimisation=optimisation,",
        "characters.tests(tests),\n        optimisation=Optimisation(steps=1, tasks_per_step=1),",
        f"{CONTRACT} -k optimiser",
    ),
    # What the commands do.
    Fault(
        "--seed does not decide the first weights",
        "cli/train.py",
        "torch.manual_seed(seed)",
        "torch.manual_seed(0)",
        f"{WIRING} -k seed",
    ),
    Fault("--seed does not decide the tasks", "cli/train.py", "seed=seed,", "seed=0,", f"{WIRING} -k seed"),
    Fault(
        "evaluate never refuses a leak",
        "protocols/weights.py",
        "refuse_leak(self.header, split, part)",
        "pass",
        f"{WIRING} -k refused",
    ),
    Fault(
        "--start-from never refuses a leak",
        "cli/train.py",
        "refuse_leaking_start(parent.header, header.arguments)",
        "pass",
        f"{WIRING} -k start",
    ),
    Fault(
        "ancestors of ancestors are forgotten in the header",
        "cli/train.py",
        "parents=adopted.parents,",
        "parents=tuple(each._replace(header=replace(each.header, parents=())) for each in adopted.parents),",
        f"{WIRING} -k ancestors",
    ),
    Fault(
        "what weights started from does not count as seen",
        "protocols/lineage.py",
        "for arguments in (each.arguments for each in header.ancestors()):",
        "for arguments in (header.arguments,):",
        f"{WIRING} -k ancestors",
    ),
    Fault(
        "the validation classes of a final training do not count as seen",
        "protocols/lineage.py",
        '"train and validation" if arguments.get("final") else "train")',
        '"train")',
        f"{WIRING} -k refused",
    ),
    Fault(
        "a residual convolution replaces what it reads",
        "networks/conv4.py",
        "F.relu(x_BCHW + self.norm(self.convolution(x_BCHW)))",
        "F.relu(self.norm(self.convolution(x_BCHW)))",
        "tests/networks/test_conv4.py -k residual",
    ),
    Fault(
        "a head of the deeper encoder starts from the papers'",
        "recipes/_any_way.py",
        '"omniglot-encoder" if self.residual else "omniglot-protonet"',
        '"omniglot-protonet"',
        f"{CONTRACT} -k deeper",
    ),
    Fault(
        "a start may have seen the validation classes",
        "protocols/lineage.py",
        '("test",) if arguments.get("final") else ("validation", "test")',
        '("test",)',
        f"{WIRING} -k start",
    ),
    Fault(
        "what a recipe declares that it starts from is not taken",
        "cli/train.py",
        "return [experiment.starts_from]",
        "return []",
        "tests/cli/test_train.py -k declares",
    ),
    Fault(
        "--within-alphabet does nothing",
        "protocols/few_shot.py",
        "within_alphabet=options.within_alphabet,",
        "within_alphabet=False,",
        f"{WIRING} -k alphabet",
    ),
    Fault(
        "the alphabets of classes are left out",
        "sources/omniglot_tasks.py",
        "if within_alphabet else None",
        "if False else None",
        f"{WIRING} -k alphabet",
    ),
    Fault(
        "--part does nothing",
        "protocols/image_tasks.py",
        "omniglot_episodes(split, part, layout, rotations",
        'omniglot_episodes(split, "test", layout, rotations',
        f"{WIRING} -k upright",
    ),
    Fault(
        "evaluate's --seed does nothing",
        "protocols/few_shot.py",
        "options.tasks, options.seed, shown)",
        "options.tasks, 0, shown)",
        f"{WIRING} -k seed",
    ),
    Fault(
        "--rotated does nothing",
        "protocols/few_shot.py",
        "rotated=options.rotated,\n",
        "rotated=False,\n",
        "tests/protocols/test_few_shot.py -k rotated",
    ),
    Fault(
        "the interval is over tasks although batches share what was drawn",
        "evaluation/answering.py",
        "return torch.tensor(self._starts)",
        "return None",
        "tests/evaluation/test_coverage.py",
    ),
    # What a calibration is fitted on, and who applies it.
    Fault(
        "a calibration is fitted on test classes",
        "protocols/lineage.py",
        "np.concatenate([omniglot.split(split).test, *used])",
        "np.concatenate([omniglot.split(split).test[:0], *used])",
        "tests/protocols/test_lineage.py",
    ),
    Fault(
        "the temperature of weights is not applied",
        "estimators/adapted.py",
        "1.0 if setting is None else setting.temperature",
        "1.0",
        "tests/estimators/test_adapted.py",
    ),
    Fault(
        "known queries are refused, and others are not",
        "estimators/adapted.py",
        ">= setting.lowest_known_score",
        "< setting.lowest_known_score",
        "tests/estimators/test_adapted.py",
    ),
    Fault(
        "sets hold the classes below the threshold",
        "estimators/adapted.py",
        "np.log(probabilities) >=",
        "np.log(probabilities) <",
        "tests/estimators/test_adapted.py",
    ),
    # What an evaluation says.
    Fault(
        "shuffled labels are true",
        "tasks/sampling.py",
        "if layout.shuffled_labels:",
        "if False:",
        "tests/tasks/test_episodes.py tests/cli/test_evaluate.py -k shuffled",
    ),
    Fault(
        "over- and underconfidence make up for each other",
        "evaluation/calibration.py",
        "gap.abs().sum()",
        "gap.sum().abs()",
        "tests/evaluation/test_calibration.py",
    ),
    Fault(
        "all confidence is taken together",
        "evaluation/calibration.py",
        "num_bins: int = 15",
        "num_bins: int = 1",
        "tests/evaluation/test_calibration.py",
    ),
    Fault(
        "the first drawing of a class counts among those after it",
        "evaluation/instance_table.py",
        "[:, 1:]",
        "[:, 0:]",
        "tests/evaluation/test_instance_table.py tests/training/test_loop.py -k first",
    ),
    Fault(
        "queries are of the support",
        "tasks/sampling.py",
        "index_TNE[..., -layout.queries :]",
        "index_TNE[..., : layout.queries]",
        "tests/tasks/test_episodes.py",
    ),
    # How a memory is addressed, and which tasks come when.
    Fault(
        "keys are compared with the memory that was just written",
        "networks/memory.py",
        "memories[options.addresses]",
        'memories["after"]',
        "tests/networks/test_memory.py -k hand",
    ),
    Fault(
        "strings that cannot occur are open labels",
        "networks/label_kinds.py",
        "self.num_symbols ** (1 + torch.stack(drawn).int().argmax())",
        "torch.tensor(self.num_symbols**self.length)",
        "tests/networks/test_label_sequences.py -k letters_repeat",
    ),
    Fault(
        "slots that stay empty count once",
        "networks/memory.py",
        "(cosines_TRM + counts_M.log())",
        "cosines_TRM",
        "tests/learners/test_mann.py -k stay_empty",
    ),
    Fault(
        "a training stays at its first stage",
        "training/loop.py",
        "tasks.at(fraction)",
        "tasks.at(0.0)",
        f"{LOOP} -k staged",
    ),
    # Rules of learning that are themselves learnt, and evolution.
    Fault(
        "VSML sums its messages",
        "networks/shared_cells.py",
        "self.forward_messenger(h.mean(dim=2))",
        "self.forward_messenger(h.sum(dim=2))",
        "tests/networks/test_shared_cells.py",
    ),
    Fault(
        "VSML's error comes with its own example",
        "learners/vsml.py",
        "logits_TN, ticked, below = self._forward(state, z_TLI[:, step])",
        "state = self._corrected(state, [], *[label_TLN[:, step].float()] * 2) if not self.backward_pass else state\n"
        "            logits_TN, ticked, below = self._forward(state, z_TLI[:, step])",
        "tests/learners/test_vsml.py",
    ),
    Fault(
        "BLUR's feedback changes the inputs",
        "networks/two_way_units.py",
        "range(len(layers) - 2, 0, -1)",
        "range(len(layers) - 2, -1, -1)",
        "tests/networks/test_two_way_units.py",
    ),
    Fault(
        "a pair of evolution has tasks of its own for each member",
        "training/evolution/population.py",
        ".repeat_interleave(sharing, dim=0)",
        ".repeat(sharing, *[1] * field.ndim)",
        "tests/training/evolution/test_population.py",
    ),
    Fault(
        "processes draw tasks by their number",
        "training/evolution/population.py",
        "drawn = 0 if sharing is None else part",
        "drawn = rank if sharing is None else part + rank",
        "tests/training/evolution/test_population.py",
    ),
    Fault(
        "BLUR reads examples that are not real",
        "learners/bidirectional.py",
        "weight_TS = is_real_TS * (",
        "weight_TS = torch.ones_like(is_real_TS) * (",
        "tests/learners/test_bidirectional.py",
    ),
    Fault(
        "BLUR changes more by a larger support",
        "learners/bidirectional.py",
        "(self.batch / count.to(z_TSI)).reshape(-1, 1)",
        "torch.ones_like(count.to(z_TSI)).reshape(-1, 1)",
        "tests/learners/test_bidirectional.py",
    ),
    Fault(
        "BLUR keeps nothing of a state on the way down",
        "networks/two_way_units.py",
        "(keep * layers[depth] + drive_TBIK).tanh()",
        "drive_TBIK.tanh()",
        "tests/networks/test_two_way_units.py",
    ),
    Fault(
        "VSML's error stops at the last layer",
        "learners/vsml.py",
        "for depth in reversed(range(len(self.layers))):",
        "for depth in reversed(range(len(self.layers) - 1, len(self.layers))):",
        "tests/learners/test_vsml.py",
    ),
    Fault(
        "VSML draws other first states for each prediction",
        "learners/vsml.py",
        "generator = None if self.training else torch.Generator().manual_seed(0)",
        "generator = None",
        "tests/learners/test_vsml.py",
    ),
    Fault(
        "evolution: weight decay does nothing",
        "training/evolution/strategies.py",
        " + self.weight_decay * self.mean",
        "",
        "tests/training/evolution/test_strategies.py",
    ),
    Fault(
        "evolution: both members of a pair are on one side",
        "training/evolution/strategies.py",
        "self.mean - noise_KD]",
        "self.mean + noise_KD]",
        "tests/training/evolution/test_strategies.py",
    ),
    Fault(
        "evolution: deviations may collapse in one step",
        "training/evolution/strategies.py",
        ".clamp(0.8 * before_D, 1.2 * before_D)",
        ".clamp(min=1e-8)",
        "tests/training/evolution/test_strategies.py",
    ),
    Fault(
        "evolution: SNES follows the worst members",
        "training/evolution/strategies.py",
        "place_P = losses_P.argsort(stable=True)",
        "place_P = losses_P.argsort(stable=True, descending=True)",
        "tests/training/evolution/test_strategies.py",
    ),
    Fault(
        "strings of few letters have two from the start",
        "sources/late_labels.py",
        "few = 1 if fraction < self.few_letters / 3 else 2",
        "few = 2",
        "tests/sources/test_late_labels.py",
    ),
    Fault(
        "an item that should read earlier ones alone reads itself along a sequence",
        "networks/causal_attention.py",
        "            if self.own_penalty:",
        "            if False:",
        "tests/networks/test_causal_attention.py",
    ),
    Fault(
        "a query that should read earlier items alone reads itself",
        "networks/causal_attention.py",
        "dim=-1, keepdim=True) - self.own_penalty",
        "dim=-1, keepdim=True)",
        "tests/learners/test_snail.py tests/networks/test_causal_attention.py",
    ),
    Fault(
        "SNAIL compares labels though it should not",
        "learners/snail.py",
        "compared=None if blocks or compares_labels else num_features",
        "compared=None",
        "tests/learners/test_snail.py",
    ),
]


class Outcome(NamedTuple):
    """What became of a fault."""

    fault: Fault
    word: str
    """caught, survived, timed out, or what else went wrong."""
    output: str


def copied(folder: Path) -> Path:
    """What the tests need, in a folder of its own."""
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


def applied(fault: Fault, tree: Path) -> tuple[Path, str]:
    """Put the fault in; returns the file and what it said before.

    Raises:
        SystemExit: if its place is not there exactly once, for then the list is out of date.
    """
    path = tree / "src" / "quickstudy" / fault.file
    sound = path.read_text() if path.exists() else ""
    if sound.count(fault.old) != 1:
        raise SystemExit(f"'{fault.name}': {fault.file} holds {fault.old!r} {sound.count(fault.old)} times, not once.")
    path.write_text(sound.replace(fault.old, fault.new))
    return path, sound


def tested(tree: Path, tests: str, seconds: float) -> tuple[str, str]:
    """How the tests end on that copy: passed, failed, timed out or broken; and what they printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-n", "0", *shlex.split(tests)]
    # Without byte code: a file that changes twice in a second could be taken for the one before.
    settings = {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env={**os.environ, **settings}, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return "timed out", ""
    return {0: "passed", 1: "failed"}.get(done.returncode, "broken"), done.stdout + done.stderr


def tried(fault: Fault, trees: "SimpleQueue[Path]", seconds: float) -> Outcome:
    """Test one fault in one of the copies, and mend the copy."""
    tree = trees.get()
    try:
        path, sound = applied(fault, tree)
        try:
            ending, output = tested(tree, fault.tests, seconds)
        finally:
            path.write_text(sound)
    finally:
        trees.put(tree)
    outcome = Outcome(fault, {"failed": "caught", "passed": "survived"}.get(ending, ending), output)
    print(f"{outcome.word:>9}  {fault.name}", flush=True)
    return outcome


def refuse_out_of_date(faults: Iterable[Fault], tree: Path) -> None:
    """Raise SystemExit where a fault has no place to be put, before the first one runs."""
    for fault in faults:
        path, sound = applied(fault, tree)
        path.write_text(sound)


def test_files(faults: Iterable[Fault]) -> list[str]:
    """All files that hold the tests of these faults."""
    return sorted({word for fault in faults for word in shlex.split(fault.tests) if word.startswith("tests/")})


def main() -> int:
    """Try the faults, and say which survive."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only faults whose names hold one of these; by default all")
    parser.add_argument("--workers", type=int, default=2, help="copies that are tested at once")
    parser.add_argument("--seconds", type=float, default=600, help="for the tests of one fault")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.words or any(word in fault.name for word in options.words)]
    with tempfile.TemporaryDirectory() as folder:
        copies = [copied(Path(folder, str(number))) for number in range(options.workers)]
        refuse_out_of_date(chosen, copies[0])
        trees: SimpleQueue[Path] = SimpleQueue()
        for tree in copies:
            trees.put(tree)
        ending, output = tested(copies[0], " ".join(test_files(chosen)), len(chosen) * options.seconds)
        if ending != "passed":
            print(f"{output}\nWithout any fault the tests {ending}. Mend that first.")
            return 1
        with ThreadPoolExecutor(options.workers) as pool:
            outcomes = list(pool.map(lambda fault: tried(fault, trees, options.seconds), chosen))
    missed = [outcome for outcome in outcomes if outcome.word != "caught"]
    for outcome in missed:
        print(f"\n{outcome.fault.name}: {outcome.word}\n{outcome.output[-2000:]}")
    print(f"\n{len(chosen)} faults, {len(missed)} not caught")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
