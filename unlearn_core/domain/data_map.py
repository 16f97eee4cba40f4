"""What the controller declares about its data: fields, neighbours, models.

The sources themselves are read by connectors; this is the part that the rules for
building datasets need.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from unlearn_core.domain.datasets import Entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field that records state about people.

    Attributes:
        name: Name of the field.
        entropy: How well it can be guessed.
        questions: Ways to ask for it, with ``{name}`` for the person.
    """

    name: str
    entropy: Entropy
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourRule:
    """Who counts as a neighbour of the subject.

    Attributes:
        by_surname: The last word of the name is shared.
        by_fields: One of these fields has the same value.
    """

    by_surname: bool
    by_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMap:
    """The declared part of the data map.

    Attributes:
        fields: Fields by name.
        neighbours: Who counts as a neighbour.
        base_models: Base models that were trained on the sources.
    """

    fields: Mapping[str, FieldSpec]
    neighbours: NeighbourRule
    base_models: tuple[str, ...]
