"""The document of a contract: the Open Data Contract Standard's keys that mean something here, and no other.

What the standard has no word for stands in `customProperties`; the names allowed there are the fields of
`ColumnProperties`, `TableProperties` and `CodeProperties`, and of what they hold. Field names are the standard's in
snake case.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ingestion.strict_yaml import Strict


class _Part(Strict):
    model_config = ConfigDict(alias_generator=to_camel)


def _as_mapping(value: object) -> object:
    """Custom properties, which the standard writes as a list of `{property, value}`, as one mapping."""
    if not isinstance(value, list):
        raise ValueError("expected a list of {property, value}")  # noqa: TRY004 - pydantic reports ValueErrors
    result: dict[str, object] = {}
    for item in value:
        keys = item.keys() if isinstance(item, dict) else set()
        if not {"property", "value"} <= keys <= {"property", "value", "description"}:
            raise ValueError("expected each item to be {property, value} and nothing else but a description")
        if item["property"] in result:
            raise ValueError(f"the property {item['property']!r} stands twice")
        result[item["property"]] = item["value"]
    return result


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
Text = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$")]
Unit = Literal[
    "VND",
    "VND per person per month",
    "person",
    "household",
    "household or person",
    "village",
    "hectare",
    "month",
    "percent",
    "percent per year",
]
Place = Literal["commune_code", "commune_name", "admin_unit_code"]


class CodeProperties(_Part):
    """customProperties of one value of an enum."""

    aliases: list[Text] = Field(default_factory=list)


class ColumnProperties(_Part):
    """customProperties of a column."""

    unit: Unit | None = None
    code_list: Name | None = None
    place: Place | None = None
    deprivation: Name | None = None
    at_most: Name | None = None


class CheckedRate(_Part):
    """Columns of a form that give 100 × part / whole: checked against the two, not loaded."""

    headings: list[Text] = Field(min_length=1)
    part: Name
    whole: Name


class CodeByColumn(_Part):
    """A code told by which of several columns is filled, and the column whose value stands there.

    So a list has two columns for the day of birth, one for men and one for women. `headings` are by code.
    """

    code: Name
    value: Name
    headings: dict[Name, list[Text]] = Field(min_length=2)


class FormProperties(_Part):
    """What a form has beside the columns of the data set.

    `not_loaded` are headings of columns that are known and mean nothing here; `carried_down` gives columns that are
    written once over rows which differ in another column: `{commune_name: counted}`.
    """

    not_loaded: list[Text] = Field(default_factory=list)
    carried_down: dict[Name, Name] = Field(default_factory=dict)
    checked_rates: list[CheckedRate] = Field(default_factory=list)


class FurtherLayout(FormProperties):
    """Another form in which the data set comes, by an id of its own.

    `columns` are the columns that it may have, each with the headings that it has here beside its own; no other
    column is looked for. `required` are those that it must have. `commune_from` names a column whose first five digits
    are the code of the commune. `added_up` gives columns which may stand here as several that add up to it, each with
    its headings; an empty one of them counts as nothing. A row in which all of `sums_lack` are empty gives sums.
    """

    id: Name
    description: Text
    columns: dict[Name, list[Text]] = Field(min_length=1)
    required: list[Name] = Field(min_length=1)
    code_by_column: CodeByColumn | None = None
    commune_from: Name | None = None
    added_up: dict[Name, list[list[Text]]] = Field(default_factory=dict)
    sums_lack: list[Name] = Field(default_factory=list)


class TableProperties(FormProperties):
    """customProperties of a data set; those of its own form are the ones of `FormProperties`."""

    one_of: list[list[Name]] = Field(default_factory=list)
    deprivation_group_headings: list[Text] = Field(default_factory=list)
    standard_in_title: bool = False
    layouts: list[FurtherLayout] = Field(default_factory=list)


class EnumValue(_Part):
    """One code of a list that stands in the contract: the code, its Vietnamese label, its meaning in English."""

    value: Name
    label: Text
    description: Text
    custom_properties: Annotated[CodeProperties, BeforeValidator(_as_mapping)] = CodeProperties()


class Synonym(_Part):
    """Another heading of a column, in its natural spelling."""

    synonym: Text


class TypeOptions(_Part):
    """Bounds of a number, both inclusive, or the pattern of a text."""

    minimum: int | None = None
    maximum: int | None = None
    pattern: Text | None = None


class Property(_Part):
    """One column."""

    name: Name
    business_name: Text | None = None
    description: Text
    logical_type: Literal["string", "integer", "number", "date", "boolean", "array"]
    logical_type_options: TypeOptions = TypeOptions()
    required: bool = False
    primary_key: bool = False
    primary_key_position: int | None = None
    classification: Literal["personal"] | None = None
    transform_source_objects: list[Name] = Field(default_factory=list)
    transform_description: Text | None = None
    synonyms: list[Synonym] = Field(default_factory=list)
    enum: list[EnumValue] = Field(default_factory=list)
    examples: list[Text] = Field(default_factory=list)
    custom_properties: Annotated[ColumnProperties, BeforeValidator(_as_mapping)] = ColumnProperties()


class Quality(_Part):
    """One rule that judges the data set, by its id in rules.yaml."""

    type: Literal["custom"]
    engine: Literal["great-expectations"]
    implementation: Text


class Table(_Part):
    """The one table of a contract: Vietnamese title, English title, grain, rules and columns."""

    name: Name
    business_name: Text
    description: Text
    logical_type: Literal["object"]
    data_granularity_description: Text
    properties: list[Property] = Field(min_length=1)
    quality: list[Quality] = Field(default_factory=list)
    custom_properties: Annotated[TableProperties, BeforeValidator(_as_mapping)] = TableProperties()


class Description(_Part):
    """What the data set is for, and what it cannot tell."""

    purpose: Text
    limitations: Text | None = None


class Law(_Part):
    """The law behind the data set, as URN LEX."""

    type: Literal["law"]
    url: Annotated[str, Field(pattern=r"^urn:lex:vn:\S+$")]
    description: Text


class Team(_Part):
    """Who sends: `district`, `agency` or the code of one agency."""

    name: Text
    description: Text


class ServiceLevel(_Part):
    """How often a report is due. On which day stands in the reference list `reporting_calendar`."""

    property: Literal["frequency"]
    value: int
    unit: Literal["y", "m"]
    description: Text


class Document(_Part):
    """One contract, as its file says it."""

    api_version: Literal["v3.2.0"]
    kind: Literal["DataContract"]
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    name: Name
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    status: Literal["draft", "active", "deprecated"]
    description: Description
    authoritative_definitions: list[Law] = Field(min_length=1)
    team: Team
    sla_properties: list[ServiceLevel]
    tables: list[Table] = Field(alias="schema", min_length=1, max_length=1)
