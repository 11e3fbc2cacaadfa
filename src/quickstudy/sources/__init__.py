"""Where tasks come from: data sets and their parts, how drawings are changed, and the tasks drawn from them.

Data are read when tasks are sampled, not before, so weights load without them.
"""

from quickstudy.sources.any_way import AnyWayEpisodes
from quickstudy.sources.characters import Characters, EpisodeCharacters, SequenceCharacters
from quickstudy.sources.completions import (
    COMPLETION_LAYOUTS,
    Contents,
    ImagesToComplete,
    drawings_to_complete,
    glyphs_to_complete,
    picture_contents,
    pictures_to_complete,
)
from quickstudy.sources.folder_tasks import folder_episodes
from quickstudy.sources.generated_tasks import fixed_glyphs, generated_training, glyph_episodes
from quickstudy.sources.late_labels import LabelSequences
from quickstudy.sources.omniglot_tasks import Labels, omniglot_episodes, omniglot_sequences, sequence_labels
from quickstudy.sources.parts import INK, TEST_LAYOUTS, Part, Parts, Split, part_classes, refuse_size
from quickstudy.sources.pools import Pool

__all__ = [
    "COMPLETION_LAYOUTS",
    "INK",
    "TEST_LAYOUTS",
    "AnyWayEpisodes",
    "Characters",
    "Contents",
    "EpisodeCharacters",
    "ImagesToComplete",
    "LabelSequences",
    "Labels",
    "Part",
    "Parts",
    "Pool",
    "SequenceCharacters",
    "Split",
    "drawings_to_complete",
    "fixed_glyphs",
    "folder_episodes",
    "generated_training",
    "glyph_episodes",
    "glyphs_to_complete",
    "omniglot_episodes",
    "omniglot_sequences",
    "part_classes",
    "picture_contents",
    "pictures_to_complete",
    "refuse_size",
    "sequence_labels",
]
