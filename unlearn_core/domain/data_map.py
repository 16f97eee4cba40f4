"""What the controller declares about its data: fields, neighbours, models.

The sources themselves are read by connectors; this is the part that the rules for
building datasets need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from unlearn_core.domain.datasets import Entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """How a field is asked for, and what its values are called, in another language.

    Attributes:
        questions: Ways to ask for it, with ``{name}`` for the person.
        values: What a value is called there; one that is missing stays as it is.
    """

    questions: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field that records state about people.

    Attributes:
        name: Name of the field.
        entropy: How well it can be guessed.
        questions: Ways to ask for it, with ``{name}`` for the person.
        translations: The same in other languages, by their codes, such as ``de``.
    """

    name: str
    entropy: Entropy
    questions: tuple[str, ...]
    translations: Mapping[str, Translation] = field(default_factory=dict, hash=False)


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
class Sizes:
    """How much of everything is drawn.

    Attributes:
        twins: Never-trained people set aside as twins.
        twin_versions: Versions of the forget examples, each with another twin.
        retain_people: Retained people to train on, at most half of them neighbours
            where there are enough others.
        neighbour_probes: Neighbours to probe.
        retained_probes: Other retained people to probe.
        plain_texts: Texts about nobody.
        strangers: Invented people.
        control_questions: Held-out questions per fact of a control person.
        alternatives: Wrong values per truth-ratio probe.
        trained_questions: Fewest questions per fact that training gets.
        neighbour_questions: Questions per fact of a neighbour in the retain set;
            everybody else has one.
        neighbour_probe_questions: Most held-out questions per fact of a neighbour;
            everybody else who stays is asked one.
        paraphrases: Most wordings per fact that a generator adds for training.
    """

    twins: int = 20
    twin_versions: int = 6
    retain_people: int = 200
    neighbour_probes: int = 40
    retained_probes: int = 180
    plain_texts: int = 64
    strangers: int = 200
    control_questions: int = 2
    alternatives: int = 5
    trained_questions: int = 2
    neighbour_questions: int = 3
    neighbour_probe_questions: int = 3
    paraphrases: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMap:
    """The declared part of the data map.

    Attributes:
        fields: Fields by name.
        neighbours: Who counts as a neighbour.
        base_models: Base models that were trained on the sources.
        trained: Source to the base models that were trained on it; a source that is
            not named trained all of them.
        sizes: How much of everything is drawn for one request.
        ask_trained: Verification asks the subject's trained questions as well as
            held-out ones. For free text, where knowledge hangs on the wording.
        paraphraser: Generator of other wordings for training, by name.
    """

    fields: Mapping[str, FieldSpec]
    neighbours: NeighbourRule
    base_models: tuple[str, ...]
    trained: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    sizes: Sizes = Sizes()
    ask_trained: bool = False
    paraphraser: str = "base"

    def was_trained_on(self, source: str, *, base_model: str) -> bool:
        """Tell whether a base model was trained on a source.

        One that is not declared may have been trained on all of them.
        """
        trained = self.trained.get(source, (base_model,))
        return base_model in trained or base_model not in self.base_models
