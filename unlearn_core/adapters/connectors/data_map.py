"""Reads the data map: YAML that says what there is and how to read it."""

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.places import (
    TWICE,
    line_of,
    line_of_fault,
    located,
    read_yaml,
)
from unlearn_core.adapters.connectors.specification import (
    ChatPassages,
    PassageSpec,
    QuestionPassage,
    SourceSpec,
    TemplatePassages,
    TextPassage,
)
from unlearn_core.domain.data_map import (
    DataMap,
    FieldSpec,
    NeighbourRule,
    Sizes,
    Translation,
)
from unlearn_core.domain.datasets import Entropy
from unlearn_core.domain.exemptions import EXEMPTIONS, Kept
from unlearn_core.domain.rewording import PARAPHRASERS
from unlearn_core.domain.sources import LegalBasis
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import InvalidDataMapError
from unlearn_core.ports import Redacts, SourceConnector

_SIZES = Sizes()
_STRICT = ConfigDict(extra="forbid", frozen=True)


class _TranslationFile(BaseModel):
    model_config = _STRICT
    questions: Annotated[list[str], Field(min_length=1)]
    values: dict[str, str] = {}

    @field_validator("questions")
    @classmethod
    def _each_about_somebody(cls, questions: list[str]) -> list[str]:
        for question in questions:
            parts = [name for _, name, _, _ in string.Formatter().parse(question)]
            if set(parts) - {None} != {"name"}:
                message = "each needs {name}, and nothing else in braces"
                raise ValueError(message)
        return questions


class _FieldFile(BaseModel):
    model_config = _STRICT
    entropy: Entropy
    questions: list[str] = []
    translations: dict[str, _TranslationFile] = {}

    @field_validator("questions")
    @classmethod
    def _one_to_train_and_one_to_probe(cls, questions: list[str]) -> list[str]:
        if len(questions) == 1:
            message = "either none, if the sources have their own, or at least two"
            raise ValueError(message)
        return questions


class _NeighboursFile(BaseModel):
    model_config = _STRICT
    surname: bool = True
    fields: list[str] = []


class _SizesFile(BaseModel):
    model_config = _STRICT
    twins: Annotated[int, Field(ge=1)] = _SIZES.twins
    strangers: Annotated[int, Field(ge=0)] = _SIZES.strangers
    retain_people: Annotated[int, Field(ge=1)] = _SIZES.retain_people
    retained_probes: Annotated[int, Field(ge=1)] = _SIZES.retained_probes
    neighbour_probes: Annotated[int, Field(ge=1)] = _SIZES.neighbour_probes
    plain_texts: Annotated[int, Field(ge=0)] = _SIZES.plain_texts
    control_questions: Annotated[int, Field(ge=1)] = _SIZES.control_questions
    alternatives: Annotated[int, Field(ge=1)] = _SIZES.alternatives
    paraphrases: Annotated[int, Field(ge=0)] = _SIZES.paraphrases


class _ChatFile(BaseModel):
    model_config = _STRICT
    form: Literal["chat"]
    messages: str
    field: str | None = None

    def spec(self) -> PassageSpec:
        return ChatPassages(messages=self.messages, field=self.field)


class _QuestionFile(BaseModel):
    model_config = _STRICT
    form: Literal["question"]
    question: str
    answer: str
    field: str | None = None
    paraphrases: list[str] = []

    def spec(self) -> PassageSpec:
        return QuestionPassage(
            question=self.question,
            answer=self.answer,
            field=self.field,
            paraphrases=tuple(self.paraphrases),
        )


class _TextFile(BaseModel):
    model_config = _STRICT
    form: Literal["text"]
    text: str

    def spec(self) -> PassageSpec:
        return TextPassage(text=self.text)


class _TemplateFile(BaseModel):
    model_config = _STRICT
    form: Literal["template"]
    template: str

    def spec(self) -> PassageSpec:
        return TemplatePassages(template=self.template)


_PassageFile = Annotated[
    _ChatFile | _QuestionFile | _TextFile | _TemplateFile, Field(discriminator="form")
]


_PERIOD = r"^P(\d+[YMWD])+$"


class _RedactionFile(BaseModel):
    model_config = _STRICT
    redact: Annotated[list[str], Field(min_length=1)]


class _ExemptionFile(BaseModel):
    model_config = _STRICT
    ground: Kept
    reasoning: Annotated[str, Field(min_length=1)]

    @field_validator("ground")
    @classmethod
    def _is_of_the_law(cls, ground: Kept) -> Kept:
        if ground not in EXEMPTIONS:
            message = "no ground of Art. 17(3)"
            raise ValueError(message)
        return ground


class _SourceFile(BaseModel):
    model_config = _STRICT
    name: str
    kind: str
    path: str | None = None
    url: str | None = None
    customer_key: str | None = None
    table: str | None = None
    record_id: str
    identifiers: dict[IdentifierKind, str]
    fields: dict[str, str] = {}
    passages: list[_PassageFile] = []
    erasable: bool = True
    erasure: Literal["delete", "redact"] | _RedactionFile = "delete"
    name_alone: Literal["decides", "is_reviewed"] = "is_reviewed"
    uncertain: Literal["waits", "partial"] = "waits"
    quotes: Literal["ignored", "are_reviewed"] = "ignored"
    near_copies: Annotated[float, Field(ge=0.3, le=0.95)] = 0.35
    held: str | None = None
    legal_basis: LegalBasis | None = None
    retention: Annotated[str, Field(pattern=_PERIOD)] | None = None
    base_models: Annotated[list[str], Field(min_length=1)] | None = None
    exemption: _ExemptionFile | None = None

    def spec(self, root: Path | None = None) -> SourceSpec:
        if self.kind not in CONNECTORS:
            raise InvalidDataMapError(source=self.name, unknown_kind=self.kind)
        if self.exemption and self.erasable:
            raise InvalidDataMapError(source=self.name, problem="exempt and erasable")
        if self.customer_key and not (
            self.kind == "s3" and Path(self.customer_key).is_absolute()
        ):
            raise InvalidDataMapError(source=self.name, problem="customer_key")
        return SourceSpec(
            name=self.name,
            kind=self.kind,
            location=located(
                self.path, self.url, root, kind=self.kind, source=self.name
            ),
            customer_key=self.customer_key,
            table=self.table,
            record_id=self.record_id,
            identifiers=self.identifiers,
            fields=self.fields,
            passages=tuple(passage.spec() for passage in self.passages),
            is_erasable=self.erasable,
            reviews_names=self.name_alone == "is_reviewed",
            waits_for_review=self.uncertain == "waits",
            reviews_quotes=self.quotes == "are_reviewed",
            near_copies=self.near_copies,
            held=self.held,
            is_redacted=self.erasure != "delete",
            redacted_columns=self._redacted(),
            legal_basis=self.legal_basis,
            retention=self.retention,
            base_models=tuple(self.base_models or ()),
            exemption=self.exemption.ground if self.exemption else None,
            reasoning=self.exemption.reasoning if self.exemption else None,
        )

    def _redacted(self) -> frozenset[str]:
        if isinstance(self.erasure, _RedactionFile):
            return frozenset(self.erasure.redact)
        return frozenset()


class _DataMapFile(BaseModel):
    model_config = _STRICT
    version: Literal[1]
    base_models: Annotated[list[str], Field(min_length=1)]
    root: str | None = None
    fields: dict[str, _FieldFile]
    neighbours: _NeighboursFile = _NeighboursFile()
    sizes: _SizesFile = _SizesFile()
    ask_trained: bool = False
    paraphraser: str = "base"
    sources: Annotated[list[_SourceFile], Field(min_length=1)]
    holdout: _SourceFile


class OpenedDataMap:
    """A valid data map with its connectors.

    Attributes:
        declared: Fields, neighbours and models.
        sources: Connectors by source name.
        holdout: The connector of the never-trained people.
        specs: How the sources are read, by name.
    """

    def __init__(
        self,
        *,
        declared: DataMap,
        specs: Sequence[SourceSpec],
        holdout: SourceConnector,
    ) -> None:
        self.declared = declared
        self.specs = {spec.name: spec for spec in specs}
        self.sources: dict[str, SourceConnector] = {
            spec.name: CONNECTORS.get(spec.kind)(spec) for spec in specs
        }
        for spec in specs:
            if spec.is_redacted and not isinstance(self.sources[spec.name], Redacts):
                raise InvalidDataMapError(source=spec.name, cannot_redact=spec.kind)
        self.holdout = holdout


def open_data_map(path: Path) -> OpenedDataMap:
    """Read a data map and build its connectors.

    Raises:
        InvalidDataMapError: The file is missing or malformed; entry and line are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidDataMapError(problem="unreadable file") from None
    try:
        return _open(_DataMapFile.model_validate(read_yaml(text)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = TWICE if error.problem == TWICE else "unreadable file"
        raise InvalidDataMapError(problem=problem, line=line) from None
    except yaml.YAMLError:
        raise InvalidDataMapError(problem="unreadable file") from None
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        raise InvalidDataMapError(
            entry=".".join(map(str, place)) or "whole file", line=line_of(text, place)
        ) from None
    except InvalidDataMapError as error:
        raise InvalidDataMapError(**error.facts, line=_line(text, error)) from None


_WRONG_VALUES = (
    "undeclared_field",
    "unknown_kind",
    "cannot_redact",
    "unknown_base_model",
    "unknown_paraphraser",
    "leads_up",
    "leads_out_of_root",
)


def _line(text: str, error: InvalidDataMapError) -> int:
    """Return the line of what a check found."""
    facts = {name: str(value) for name, value in error.facts.items()}
    values = (facts.get(name) for name in _WRONG_VALUES)
    value = next(filter(None, values), facts.get("problem"))
    return line_of_fault(text, source=facts.get("source"), value=value)


def _open(parsed: _DataMapFile) -> OpenedDataMap:
    _check_names(parsed)
    root = Path(parsed.root) if parsed.root else None
    specs = [source.spec(root) for source in parsed.sources]
    holdout = parsed.holdout.spec(root)
    return OpenedDataMap(
        declared=DataMap(
            fields={
                name: FieldSpec(
                    name=name,
                    entropy=field.entropy,
                    questions=tuple(field.questions),
                    translations={
                        language: Translation(
                            questions=tuple(item.questions), values=item.values
                        )
                        for language, item in field.translations.items()
                    },
                )
                for name, field in parsed.fields.items()
            },
            neighbours=NeighbourRule(
                by_surname=parsed.neighbours.surname,
                by_fields=tuple(parsed.neighbours.fields),
            ),
            base_models=tuple(parsed.base_models),
            trained={spec.name: spec.base_models for spec in specs if spec.base_models},
            sizes=Sizes(**parsed.sizes.model_dump()),
            ask_trained=parsed.ask_trained,
            paraphraser=parsed.paraphraser,
        ),
        specs=specs,
        holdout=CONNECTORS.get(holdout.kind)(holdout),
    )


def _check_names(parsed: _DataMapFile) -> None:
    names = [source.name for source in parsed.sources]
    if len(set(names)) != len(names):
        raise InvalidDataMapError(problem="a source is named twice")
    if parsed.paraphraser not in PARAPHRASERS:
        raise InvalidDataMapError(unknown_paraphraser=parsed.paraphraser)
    used = {
        field for source in (*parsed.sources, parsed.holdout) for field in source.fields
    }
    for field in sorted(used | set(parsed.neighbours.fields)):
        if field not in parsed.fields:
            raise InvalidDataMapError(undeclared_field=field)
    for source in parsed.sources:
        for model in sorted(set(source.base_models or ()) - set(parsed.base_models)):
            raise InvalidDataMapError(source=source.name, unknown_base_model=model)
        for passage in source.passages:
            if isinstance(passage, _TemplateFile):
                _check_template(source, passage.template)


def _check_template(source: _SourceFile, template: str) -> None:
    try:
        parts = [name for _, name, _, _ in string.Formatter().parse(template)]
    except ValueError:
        raise InvalidDataMapError(source=source.name, problem="template") from None
    for name in parts:
        if name is not None and name not in {"name", *source.fields}:
            raise InvalidDataMapError(source=source.name, undeclared_field=name)
