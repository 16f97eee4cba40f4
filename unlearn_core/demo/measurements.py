"""What the demo measures by asking the service, before and after."""

from dataclasses import dataclass

from unlearn_core.demo.asking import Asked, accuracy, held_out
from unlearn_core.smallworld.people import Person, Population

NEIGHBOURS, RETAINED, CONTROLS = 15, 30, 25
ALL_HELD_OUT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Questionnaire:
    """Held-out questions about four groups of people."""

    subject: list[Asked]
    neighbours: list[Asked]
    retained: list[Asked]
    controls: list[Asked]

    @classmethod
    def about(
        cls, subject: Person, population: Population, *, seed: int
    ) -> "Questionnaire":
        """Choose the people and their questions.

        There are few neighbours, so each is asked twice as much as others.
        """
        others = [item for item in population.trained if item != subject]
        near = [item for item in others if item.is_neighbour_of(subject)]
        far = [item for item in others if not item.is_neighbour_of(subject)]

        def ask(people: list[Person], per_fact: int) -> list[Asked]:
            return held_out(people, population, seed=seed, per_fact=per_fact)

        return cls(
            subject=ask([subject], ALL_HELD_OUT),
            neighbours=ask(near[:NEIGHBOURS], 2),
            retained=ask(far[:RETAINED], 1),
            controls=ask(list(population.controls[:CONTROLS]), 1),
        )

    def measure(self, address: str) -> dict[str, float]:
        """Ask everything and return the share of true answers per group."""
        return {
            "subject": accuracy(address, self.subject),
            "neighbour": accuracy(address, self.neighbours),
            "retained": accuracy(address, self.retained),
            "control": accuracy(address, self.controls),
        }
