"""Recipes: functions whose typed defaults are a setting, and which return an `Experiment`.

A recipe is a configuration, a command (`quickstudy train NAME`) and the header of a checkpoint in one.
One with published weights is frozen: a change gets a new name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from quickstudy.core import Experiment, UserError
from quickstudy.core.recipe_options import check_arguments, grouped, options
from quickstudy.recipes.acting import bandit_distillation, bandit_dpt, bandit_rl2, bandit_snail, maze_snail, mdp_snail
from quickstudy.recipes.attentive_cnp import gp_attentive_cnp
from quickstudy.recipes.bidirectional import boolean_blur
from quickstudy.recipes.cnp import gp_cnp, omniglot_cnp, omniglot_cnp_paper, omniglot_completion_cnp
from quickstudy.recipes.contrastive import omniglot_contrastive
from quickstudy.recipes.conv_cnp import (
    folder_completion_conv_cnp,
    glyphs_completion_conv_cnp,
    gp_conv_cnp,
    omniglot_completion_conv_cnp,
)
from quickstudy.recipes.delta_net import omniglot_delta_net
from quickstudy.recipes.general import gp_general, gp_general_tnp
from quickstudy.recipes.hypernetwork import omniglot_hypernetwork
from quickstudy.recipes.lstm import omniglot_feed_forward, omniglot_lstm
from quickstudy.recipes.maml import (
    omniglot_anil,
    omniglot_anil_dense,
    omniglot_maml,
    omniglot_maml_dense,
    omniglot_maml_first_order,
    sinusoid_maml,
)
from quickstudy.recipes.mann import omniglot_mann, omniglot_mann_sequences, omniglot_mann_strings
from quickstudy.recipes.metanet import omniglot_metanet, omniglot_metanet_paper
from quickstudy.recipes.nearest import glyphs_nearest, omniglot_autoencoder, omniglot_nearest
from quickstudy.recipes.neural_process import gp_neural_process
from quickstudy.recipes.plastic import omniglot_plastic
from quickstudy.recipes.projections import projections_transformer
from quickstudy.recipes.protonet import glyphs_protonet, omniglot_protonet
from quickstudy.recipes.reptile import omniglot_reptile
from quickstudy.recipes.shown_acting import (
    bandit_rl2_shown,
    bandit_rl2_shown_50_arms,
    bandit_snail_shown,
    maze_rl2,
    mdp_snail_shown,
)
from quickstudy.recipes.snail import omniglot_snail, omniglot_snail_paper
from quickstudy.recipes.srwm import omniglot_srwm
from quickstudy.recipes.tables import feature_means, table_gp, table_means
from quickstudy.recipes.tnp import gp_tnp
from quickstudy.recipes.transformer import omniglot_transformer
from quickstudy.recipes.vsml import omniglot_vsml, prototypes_vsml

RECIPES: dict[str, Callable[..., Experiment]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        bandit_distillation,
        bandit_dpt,
        bandit_rl2,
        bandit_rl2_shown,
        bandit_rl2_shown_50_arms,
        bandit_snail,
        bandit_snail_shown,
        boolean_blur,
        feature_means,
        folder_completion_conv_cnp,
        glyphs_completion_conv_cnp,
        glyphs_nearest,
        glyphs_protonet,
        gp_attentive_cnp,
        gp_cnp,
        gp_conv_cnp,
        gp_general,
        gp_general_tnp,
        gp_neural_process,
        gp_tnp,
        maze_rl2,
        maze_snail,
        mdp_snail,
        mdp_snail_shown,
        omniglot_anil,
        omniglot_anil_dense,
        omniglot_autoencoder,
        omniglot_cnp,
        omniglot_cnp_paper,
        omniglot_completion_cnp,
        omniglot_completion_conv_cnp,
        omniglot_contrastive,
        omniglot_delta_net,
        omniglot_feed_forward,
        omniglot_hypernetwork,
        omniglot_lstm,
        omniglot_maml,
        omniglot_maml_dense,
        omniglot_maml_first_order,
        omniglot_mann,
        omniglot_mann_sequences,
        omniglot_mann_strings,
        omniglot_metanet,
        omniglot_metanet_paper,
        omniglot_nearest,
        omniglot_plastic,
        omniglot_protonet,
        omniglot_reptile,
        omniglot_snail,
        omniglot_snail_paper,
        omniglot_srwm,
        omniglot_transformer,
        omniglot_vsml,
        prototypes_vsml,
        projections_transformer,
        sinusoid_maml,
        table_gp,
        table_means,
    )
}


def find_recipe(name: str) -> Callable[..., Experiment]:
    """The recipe of a name.

    Args:
        name: Name of a recipe.

    Raises:
        UserError: if there is none; the message names all recipes.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UserError(f"There is no recipe '{name}'. Choose one of: {', '.join(RECIPES)}.") from None


def default_arguments(name: str) -> dict[str, Any]:
    """A recipe's setting: all its options, those in groups too, and their defaults.

    Args:
        name: Name of a recipe.
    """
    return {key: option.default for key, option in options(find_recipe(name)).items()}


def build(name: str, arguments: Mapping[str, Any]) -> Experiment:
    """The experiment of a recipe with these options, as stored in a header of weights.

    Args:
        name: Name of a recipe.
        arguments: Options by name; those left out have their defaults.

    Raises:
        UserError: if there is no such recipe, it has no such option, or nothing can be built with a value.
    """
    recipe = find_recipe(name)
    unknown = set(arguments) - set(default_arguments(name))
    if unknown:
        raise UserError(
            f"The recipe '{name}' has no argument {', '.join(sorted(unknown))}. "
            "The checkpoint was written by another version of quickstudy; use that one."
        )
    # JSON has no tuples: what was a pair came back as a list.
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    changed = {key: value for key, value in given.items() if value != default_arguments(name)[key]}
    try:
        check_arguments(recipe, given)
    except UserError as error:
        raise UserError(f"The recipe '{name}' cannot be built so: {error}") from None
    try:
        return recipe(**grouped(recipe, given))
    except UserError:
        raise
    except Exception as error:
        if not changed:
            raise  # Our own fault: with its defaults a recipe can be built.
        # Of what is built, for whoever builds it; here the values are the user's.
        values = ", ".join(f"{key} = {value}" for key, value in changed.items())
        raise UserError(f"The recipe '{name}' cannot be built with {values}: {error}") from error


__all__ = ["RECIPES", "build", "default_arguments", "find_recipe"]
