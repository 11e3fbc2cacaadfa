"""Episodes of any number of ways and shots, for learners with label slots."""

from dataclasses import dataclass

from quickstudy.core import UserError
from quickstudy.sources.parts import TEST_LAYOUTS
from quickstudy.tasks import Count, Layout, UnevenShots
from quickstudy.tasks.sampling import highest, lowest


@dataclass(frozen=True, kw_only=True)
class AnyWayEpisodes:
    """Training episodes whose ways and shots change from step to step."""

    max_ways: int | None = 20
    """Label slots; the classes of a training task are put into random slots. None makes as many as the highest ways."""
    ways: Count = (5, 20)
    """Classes in a training episode: one number, or the lowest and highest of a number drawn for each step."""
    shots: Count = (1, 5)
    """Support drawings of each class in training: one number, or a range to draw from in each step."""
    uneven: bool = False
    """Draw the shots of each class separately; few are more frequent than many."""
    queries: int = 1
    """Queries of each class in training."""

    @property
    def slots(self) -> int:
        """How many label slots the learner needs.

        Raises:
            UserError: if an episode may have more classes.
        """
        slots = highest(self.ways) if self.max_ways is None else self.max_ways
        if highest(self.ways) > slots:
            raise UserError(f"ways = {self.ways} was given, but there are {slots} label slots. Give a higher max_ways.")
        return slots

    def refuse_more_than(self, max_shots: int) -> None:
        """Refuse episodes with more support examples than the label slots hold.

        Args:
            max_shots: Shots of each slot, if all slots are used.

        Raises:
            UserError: if an episode may have more.
        """
        slots, most = self.slots, highest(self.ways) * highest(self.shots)
        if highest(self.shots) > max_shots and most > slots * max_shots:
            raise UserError(
                f"ways = {self.ways} and shots = {self.shots} make up to {most} support examples, but "
                f"max_ways = {slots} and max_shots = {max_shots} hold {slots * max_shots}. Give a higher max_shots."
            )

    @property
    def layout(self) -> Layout:
        """The layout of a training episode."""
        shots = UnevenShots(lowest(self.shots), highest(self.shots)) if self.uneven else self.shots
        return Layout(self.ways, shots, self.queries)

    def tests(self) -> dict[str, Layout]:
        """The field's settings that such a learner can read, or its largest setting if it can read none of them."""
        slots, shots = self.slots, highest(self.shots)
        readable = {
            title: test
            for title, test in TEST_LAYOUTS.items()
            if highest(test.ways) <= slots and highest(test.shots) <= shots
        }
        return readable or {f"{slots}-way {shots}-shot": Layout(slots, shots)}
