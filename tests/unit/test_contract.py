"""Contracts: what one yields, and that a wrong one is refused before any data arrives, saying where."""

import copy
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract import CONTRACTS_DIR, Contract, ContractError, heading_key, load_contract, load_contracts
from ingestion.period import Period

Document = dict[str, Any]
CONTRACTS = load_contracts()
REVIEW, PROFILE = CONTRACTS["household_review"], CONTRACTS["commune_profile"]
SUPPORT, CREDIT = CONTRACTS["support_delivery"], CONTRACTS["credit_loan"]


# --- what a contract yields ------------------------------------------------------------------------------------------


def test_columns_carry_what_the_reader_needs() -> None:
    income = REVIEW.column("income_per_capita")
    assert (income.type, income.sql_type, income.unit) == ("amount", "numeric", "VND per person per month")
    assert (income.minimum, income.maximum) == (Decimal(0), Decimal(20_000_000))
    assert "TNBQ đầu người" in income.headings
    assert income.headings[0] == "Thu nhập bình quân đầu người/tháng"
    assert "income_per_capita" in income.headings

    sex = REVIEW.column("head_sex")
    assert sex.codes is not None
    assert (sex.type, sex.code_list, sex.codes.find("NỮ")) == ("code", "household_review.head_sex", "female")
    ethnic_group = REVIEW.column("head_ethnic_group")
    assert ethnic_group.codes is not None
    assert (ethnic_group.code_list, ethnic_group.codes.find("tày")) == ("ethnic_group", "02")

    causes = REVIEW.column("poverty_causes")
    assert (causes.type, causes.sql_type) == ("code_list", "text[]")
    assert REVIEW.column("head_national_id").personal
    assert REVIEW.column("commune_code").place == "commune_code"
    assert REVIEW.one_of == (("commune_code", "commune_name"),)
    assert REVIEW.column("head_birth_date").partial_date
    assert not CREDIT.column("contracted_on").partial_date
    assert PROFILE.column("villages_with_electricity").at_most == "village_count"
    with pytest.raises(KeyError):
        REVIEW.column("colour")


def test_a_derived_column_stands_in_no_file() -> None:
    derived = [(c.dataset, column.name) for c in CONTRACTS.values() for column in c.columns if column.derived]
    assert derived == [
        ("credit_loan", "commune_code"),
        ("household_member", "birth_date_precision"),
        ("household_review", "head_birth_date_precision"),
        ("near_poor_movement", "commune_code"),
        ("poor_movement", "commune_code"),
        ("review_result", "commune_code"),
    ]
    assert CREDIT.column("commune_code").headings == ()


@pytest.mark.parametrize(
    ("year", "layouts"),
    [
        ("2009", {}),
        ("2014", {"2011-2015": 0}),
        ("2015", {"2011-2015": 0, "2016-2020": 10}),
        ("2018", {"2016-2020": 10}),
        ("2021", {"2016-2020": 10, "2021-2025": 12}),
        ("2024", {"2021-2025": 12}),
        ("2026", {"2021-2025": 12}),
        ("2028", {"2027-2030": 12}),
        ("2031", {}),
    ],
)
def test_the_deprivations_of_a_report_follow_the_standard_in_force(year: str, layouts: dict[str, int]) -> None:
    found = REVIEW.layouts(Period.parse(year))
    assert {code: sum(1 for column in columns if column.deprivation) for code, columns in found.items()} == layouts
    assert {len(columns) - layouts[code] for code, columns in found.items()} <= {len(REVIEW.columns) - 13}


def test_deprivations_keep_their_heading_and_number_of_each_standard() -> None:
    toilet = REVIEW.column("dep_toilet")
    assert toilet.heading == "Nhà tiêu hợp vệ sinh"
    assert toilet.standard_headings["2016-2020"] == "Hố xí/nhà tiêu hợp vệ sinh"
    assert {"Nhà tiêu hợp vệ sinh", "Hố xí/nhà tiêu hợp vệ sinh"} <= set(toilet.headings)
    assert [toilet.number_in(code) for code in ("2011-2015", "2016-2020", "2021-2025", "2027-2030")] == [
        None,
        8,
        10,
        10,
    ]
    assert not REVIEW.column("dep_health_access").stands_in("2021-2025")
    for standard, count in (("2016-2020", 10), ("2021-2025", 12)):
        numbers = [column.number_in(standard) for column in REVIEW.columns_for(standard) if column.deprivation]
        assert sorted(number for number in numbers if number) == list(range(1, count + 1))


def test_a_data_set_without_standard_has_one_layout() -> None:
    assert SUPPORT.layouts(Period.parse("2022-Q1")) == {"": SUPPORT.columns}
    assert SUPPORT.columns_for("") == SUPPORT.columns


@pytest.mark.parametrize(
    ("contract", "sender", "period", "may"),
    [
        (REVIEW, "huyen-220", "2024", True),
        (REVIEW, "huyen-220", "2025", False),  # its last day has no district any more
        (REVIEW, "xa-07615", "2025", True),
        (REVIEW, "xa-07615", "2024", False),
        (REVIEW, "huyen-22", "2024", False),
        (REVIEW, "sldtbxh", "2024", False),
        (SUPPORT, "sldtbxh", "2024-Q1", True),
        (SUPPORT, "nhcsxh", "2024-Q1", True),
        (SUPPORT, "SLDTBXH", "2024-Q1", False),
        (SUPPORT, "huyen-220", "2024-Q1", False),
        (CREDIT, "nhcsxh", "2024-Q1", True),
        (CREDIT, "sldtbxh", "2024-Q1", False),
    ],
)
def test_who_may_send(contract: Contract, sender: str, period: str, may: bool) -> None:
    assert contract.may_send(sender, Period.parse(period)) is may


def test_raw_table() -> None:
    assert CREDIT.raw_columns()[:4] == [
        ("submission_id", "bigint"),
        ("sheet_name", "text"),
        ("row_number", "integer"),
        ("loan_id", "text"),
    ]
    ddl = CREDIT.raw_ddl()
    assert ddl.startswith('create table "raw"."credit_loan" (\n    "submission_id" bigint not null,')
    assert 'primary key ("submission_id", "sheet_name", "row_number")' in ddl
    assert ddl.count("comment on column") == len(CREDIT.columns)
    assert "The bank''s own unit" in ddl


@pytest.mark.parametrize(
    ("contract", "column", "vietnamese", "english"),
    [
        (REVIEW, "member_count", "một số nguyên từ 1 đến 30", "a whole number from 1 to 30"),
        (REVIEW, "income_per_capita", "một số tiền từ 0 đến 20.000.000 đồng", "an amount from 0 to 20,000,000 VND"),
        (SUPPORT, "quantity", "một số từ 0 trở lên", "a number of at least 0"),
        (REVIEW, "head_sex", "một trong các giá trị: “Nam”, “Nữ”", "one of “Nam”, “Nữ”"),
        (REVIEW, "has_temporary_house", "x nếu có, để trống nếu không", "x for yes, nothing for no"),
        (REVIEW, "household_code", "theo dạng “01267-00012”", "the form “01267-00012”"),
        (REVIEW, "head_name", "nội dung bằng chữ", "a text"),
        (
            CREDIT,
            "contracted_on",
            "ngày dạng ngày/tháng/năm, ví dụ 31/12/2022",
            "a date as day/month/year, such as 31/12/2022",
        ),
    ],
)
def test_what_a_cell_should_hold(contract: Contract, column: str, vietnamese: str, english: str) -> None:
    assert contract.column(column).expected == (vietnamese, english)


def test_a_long_code_list_is_cut_and_says_so() -> None:
    vietnamese, english = REVIEW.column("head_ethnic_group").expected
    assert vietnamese.startswith("một trong các giá trị: “Kinh”, “Tày”")
    assert vietnamese.endswith("(còn 43 giá trị khác)")
    assert english.endswith("(and 43 more)")
    assert "dấu chấm phẩy" in REVIEW.column("needs").expected[0]


def test_heading_key() -> None:
    assert heading_key("Xã/phường/thị trấn") == heading_key("XÃ, PHƯỜNG, THỊ TRẤN") == "xaphuongthitran"


# --- what is refused -------------------------------------------------------------------------------------------------


def load_changed(folder: Path, dataset: str, change: Callable[[Document], None]) -> Contract:
    document = copy.deepcopy(yaml.safe_load((CONTRACTS_DIR / f"{dataset}.yaml").read_text(encoding="utf-8")))
    change(document)
    path = folder / f"{dataset}.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_contract(path)


def column_of(document: Document, name: str) -> Document:
    found: Document = next(prop for prop in document["schema"][0]["properties"] if prop["name"] == name)
    return found


def set_in(*path: str | int, to: object, column: str | None = None) -> Callable[[Document], None]:
    """A change: the value at this path of the document, or of one of its columns."""

    def change(document: Document) -> None:
        place: Any = column_of(document, column) if column else document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def drop(*path: str | int, column: str | None = None) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = column_of(document, column) if column else document
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def custom(column: str, **properties: object) -> Callable[[Document], None]:
    return set_in(
        "customProperties", to=[{"property": key, "value": value} for key, value in properties.items()], column=column
    )


def table_custom(key: str, value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for item in document["schema"][0]["customProperties"]:
            if item["property"] == key:
                item["value"] = value

    return change


def duplicate_column(document: Document) -> None:
    document["schema"][0]["properties"].append(copy.deepcopy(column_of(document, "policy_code")))


def remove_deprivation(document: Document) -> None:
    document["schema"][0]["properties"].remove(column_of(document, "dep_water"))


TABLE = ("schema", 0)


def in_layout(dataset_property: str, key: str, value: object) -> Callable[[Document], None]:
    """A change: a key of the first of the further layouts, or of another custom property of the table."""

    def change(document: Document) -> None:
        extras = document["schema"][0]["customProperties"]
        found = next(extra for extra in extras if extra["property"] == dataset_property)["value"]
        (found[0] if isinstance(found, list) else found)[key] = value

    return change


REFUSED: list[tuple[str, str, Callable[[Document], None], str]] = [
    # an unknown key, anywhere
    ("support_delivery", "colour", set_in("colour", to="red"), r"yaml: colour: unknown key"),
    ("support_delivery", "team key", set_in("team", "colour", to="red"), r"team\.colour: unknown key"),
    ("support_delivery", "table key", set_in(*TABLE, "colour", to="red"), r"\[support_delivery\]\.colour: unknown key"),
    (
        "support_delivery",
        "column key",
        set_in("colour", to="red", column="amount"),
        r"schema\[support_delivery\]\.properties\[amount\]\.colour: unknown key",
    ),
    (
        "support_delivery",
        "a key of the standard that would have no effect",
        set_in("partitioned", to=True, column="amount"),
        r"properties\[amount\]\.partitioned: unknown key",
    ),
    (
        "support_delivery",
        "option",
        set_in("logicalTypeOptions", to={"minimun": 0}, column="amount"),
        r"logicalTypeOptions\.minimun: unknown key",
    ),
    (
        "support_delivery",
        "custom property",
        custom("amount", units="VND"),
        r"properties\[amount\]\.customProperties\.units: unknown key",
    ),
    (
        "support_delivery",
        "custom property of a code",
        set_in("enum", 0, "customProperties", to=[{"property": "alias", "value": ["x"]}], column="status"),
        r"enum\[eligible\]\.customProperties\.alias: unknown key",
    ),
    (
        "support_delivery",
        "synonym key",
        set_in("synonyms", 0, to={"synonym": "Tiền", "langue": "vi"}, column="amount"),
        r"synonyms\[\w+\]\.langue: unknown key",
    ),
    (
        "support_delivery",
        "custom properties as mapping",
        set_in("customProperties", to={"unit": "VND"}, column="amount"),
        r"customProperties: Value error, expected a list of \{property, value\}",
    ),
    (
        "support_delivery",
        "custom property twice",
        set_in("customProperties", to=[{"property": "unit", "value": "VND"}] * 2, column="amount"),
        "the property 'unit' stands twice",
    ),
    # the frame
    ("support_delivery", "version", set_in("version", to="1"), "version: String should match"),
    ("support_delivery", "version as number", set_in("version", to=1.0), "version: Input should be a valid string"),
    ("support_delivery", "version of the standard", set_in("apiVersion", to="v2.2.0"), "apiVersion: Input should be"),
    ("support_delivery", "name", set_in("name", to="support"), r"schema\[0\]\.name: expected 'support'"),
    ("support_delivery", "no law", set_in("authoritativeDefinitions", to=[]), "authoritativeDefinitions: List should"),
    ("support_delivery", "no grain", drop(*TABLE, "dataGranularityDescription"), "Description: Field required"),
    ("support_delivery", "sender", set_in("team", "name", to="ministry"), r"team\.name: expected district, agency"),
    (
        "support_delivery",
        "cadence",
        set_in("slaProperties", 0, "value", to=2),
        r"\[frequency\]: expected 1 y, 6 m or 3",
    ),
    ("support_delivery", "no cadence", drop("slaProperties", 0), "slaProperties: expected frequency, once"),
    (
        "support_delivery",
        "due",
        set_in("slaProperties", 0, "property", to="latency"),
        r"slaProperties\[latency\]\.property: Input should be 'frequency'",
    ),
    # types
    ("support_delivery", "no type", drop("logicalType", column="amount"), r"\[amount\]\.logicalType: Field req"),
    (
        "support_delivery",
        "type",
        set_in("logicalType", to="money", column="amount"),
        r"\[amount\]\.logicalType: Input sho",
    ),
    (
        "support_delivery",
        "money that is no number",
        set_in("logicalType", to="string", column="amount"),
        r"properties\[amount\]\.logicalType: expected number, for the unit is money",
    ),
    ("support_delivery", "unit", custom("quantity", unit="euro"), r"customProperties\.unit: Input should be 'VND'"),
    (
        "household_review",
        "list without codes",
        drop("customProperties", column="needs"),
        r"\[needs\]\.logicalType: an array",
    ),
    (
        "household_review",
        "codes that are numbers",
        set_in("logicalType", to="integer", column="head_ethnic_group"),
        r"\[head_ethnic_group\]\.logicalType: expected string or array",
    ),
    # code lists
    (
        "support_delivery",
        "code list",
        custom("policy_code", codeList="policies"),
        r"\[policy_code\]\.customProperties\.codeList: there is no code list policies",
    ),
    (
        "support_delivery",
        "no code list but a file",
        custom("policy_code", codeList="deprivation"),
        r"customProperties\.codeList: .*deprivation",
    ),
    (
        "support_delivery",
        "alias of another code",
        set_in("enum", 0, "customProperties", to=[{"property": "aliases", "value": ["Đã hỗ trợ"]}], column="status"),
        r"\[status\]\.enum: code list support_delivery\.status: 'đã hỗ trợ' stands for both 'eligible' and 'delivered'",
    ),
    (
        "support_delivery",
        "two code lists",
        custom("status", codeList="need"),
        r"\[status\]: either enum or customProperties\.codeList",
    ),
    # rules
    (
        "support_delivery",
        "no such rule",
        set_in(*TABLE, "quality", 0, "implementation", to="SD-99"),
        r"quality: 'SD-99' is no rule of rules\.yaml",
    ),
    (
        "support_delivery",
        "a rule of another data set",
        set_in(*TABLE, "quality", 0, "implementation", to="HR-01"),
        "the rule HR-01 does not name support_delivery",
    ),
    ("support_delivery", "a rule left out", drop(*TABLE, "quality", 2), "expected SD-03, which names support_delivery"),
    (
        "support_delivery",
        "a rule twice",
        set_in(*TABLE, "quality", 1, "implementation", to="SD-01"),
        "quality: a rule stands twice",
    ),
    # headings
    (
        "support_delivery",
        "a column twice",
        duplicate_column,
        r"\[policy_code\]\.name: a column of this name stands already",
    ),
    (
        "support_delivery",
        "no heading",
        drop("businessName", column="amount"),
        r"\[amount\]\.businessName: expected the Viet",
    ),
    (
        "support_delivery",
        "a heading of two columns",
        set_in("synonyms", 0, "synonym", to="NGÀY HỖ TRỢ", column="decided_on"),
        r"properties\[delivered_on\]\.synonyms: 'Ngày hỗ trợ' is also a heading of decided_on",
    ),
    (
        "support_delivery",
        "a heading twice in one column",
        set_in("synonyms", 0, "synonym", to="số tiền  hỗ trợ", column="amount"),
        r"properties\[amount\]\.synonyms: 'số tiền  hỗ trợ' repeats",
    ),
    (
        "support_delivery",
        "a name of ours",
        set_in("name", to="row_number", column="quantity"),
        r"properties\[row_number\]\.name: a column of this name",
    ),
    (
        "household_review",
        "a deprivation's heading written twice",
        set_in("businessName", to="Việc làm", column="dep_employment"),
        r"\[dep_employment\]\.businessName: not here",
    ),
    # forms
    (
        "household_review",
        "a layout with a column that is none",
        in_layout("layouts", "columns", {"household_code": [], "colour": []}),
        r"layouts\[register_export\]\.columns: 'colour' is none of",
    ),
    (
        "household_review",
        "a layout that requires what it has not",
        in_layout("layouts", "required", ["household_code", "note"]),
        r"layouts\[register_export\]\.required: 'note' is none of",
    ),
    (
        "household_review",
        "a layout with a key that means nothing",
        in_layout("layouts", "colour", "red"),
        r"layouts\.0\.colour: unknown key",
    ),
    (
        "household_review",
        "two columns of a layout under one heading",
        in_layout("layouts", "columns", {name: ["Số"] for name in ("household_code", "member_count")}),
        r"columns\.member_count: 'Số' is also a heading of household_code",
    ),
    (
        "household_review",
        "a commune from no column",
        in_layout("layouts", "communeFrom", "note"),
        r"communeFrom: 'note' is none of",
    ),
    (
        "household_member",
        "a code that the list has not",
        in_layout(
            "layouts", "codeByColumn", {"code": "sex", "value": "birth_date", "headings": {"m": ["Nam"], "f": ["Nữ"]}}
        ),
        r"codeByColumn\.headings: 'm' is none of female, male",
    ),
    (
        "credit_loan",
        "what cannot be added up",
        in_layout("layouts", "addedUp", {"borrower_name": [["Họ"], ["Tên"]]}),
        r"addedUp: 'borrower_name' is none of",
    ),
    (
        "review_result",
        "a rate of a text",
        in_layout("checkedRates", "part", "commune_name"),
        r"checkedRates: 'commune_name' is none of",
    ),
    (
        "poor_movement",
        "carried down over nothing",
        in_layout("carriedDown", "commune_name", "colour"),
        r"carriedDown: 'colour' is none of",
    ),
    # the key
    (
        "support_delivery",
        "a key that may be empty",
        set_in("required", to=False, column="support_id"),
        r"\[support_id\]\.required: expected true, for the column is part of the key",
    ),
    (
        "support_delivery",
        "no key",
        drop("primaryKey", column="support_id"),
        "expected at least one column with primaryKey",
    ),
    (
        "support_delivery",
        "key positions",
        set_in("primaryKeyPosition", to=2, column="support_id"),
        "expected primaryKeyPosition 1, 2",
    ),
    (
        "support_delivery",
        "position without key",
        set_in("primaryKeyPosition", to=2, column="amount"),
        r"\[amount\]\.primaryKeyPosition: only with primaryKey",
    ),
    (
        "household_review",
        "one_of",
        table_custom("oneOf", [["commune_code", "commune"]]),
        "oneOf: 'commune' is no column",
    ),
    (
        "household_review",
        "one_of required",
        table_custom("oneOf", [["head_name"]]),
        "oneOf: 'head_name' is required alr",
    ),
    # bounds
    (
        "support_delivery",
        "range",
        set_in("logicalTypeOptions", to={"minimum": 30, "maximum": 1}, column="person_no"),
        r"\[person_no\]\.logicalTypeOptions: expected minimum <= maximum",
    ),
    (
        "support_delivery",
        "range of a text",
        set_in("logicalTypeOptions", to={"minimum": 1}, column="support_id"),
        "a range only for an integer or a number",
    ),
    (
        "support_delivery",
        "range as text",
        set_in("logicalTypeOptions", to={"minimum": "1"}, column="person_no"),
        r"logicalTypeOptions\.minimum: Input should be a valid integer",
    ),
    (
        "support_delivery",
        "pattern",
        set_in("logicalTypeOptions", to={"pattern": "^[0-9$"}, column="household_code"),
        r"\[household_code\]\.logicalTypeOptions\.pattern: not a regular expression",
    ),
    (
        "support_delivery",
        "loose pattern",
        set_in("logicalTypeOptions", to={"pattern": r"\d{5}"}, column="household_code"),
        r"pattern: expected a regular expression from \^ to \$",
    ),
    (
        "support_delivery",
        "no example",
        drop("examples", column="household_code"),
        "pattern: expected examples beside it",
    ),
    (
        "support_delivery",
        "example",
        set_in("examples", to=["123"], column="household_code"),
        "pattern: does not accept its own example '123'",
    ),
    (
        "support_delivery",
        "pattern of a number",
        set_in("logicalTypeOptions", to={"pattern": "^1$"}, column="person_no"),
        "a pattern only for a string without a code list",
    ),
    ("commune_profile", "part", custom("trained_labour", atMost="workers"), "atMost: expected a column of numbers"),
    (
        "commune_profile",
        "part of a text",
        custom("commune_name", atMost="population"),
        "atMost: expected a column of num",
    ),
    # derived columns
    (
        "credit_loan",
        "derived from nothing",
        set_in("transformSourceObjects", to=["village"], column="commune_code"),
        r"\[commune_code\]\.transformSourceObjects: 'village' is no column that is sent",
    ),
    (
        "credit_loan",
        "derived and sent",
        set_in("required", to=True, column="commune_code"),
        r"\[commune_code\]: a derived column stands in no file",
    ),
    (
        "credit_loan",
        "derived without saying how",
        drop("transformDescription", column="commune_code"),
        "transformSourceObjects and transformDescription only together",
    ),
    # deprivations
    (
        "household_review",
        "deprivation",
        custom("dep_water", deprivation="air"),
        r"\[dep_water\]\.customProperties\.deprivation: 'air' is in no list",
    ),
    ("household_review", "deprivation left out", remove_deprivation, "no column for the deprivations water"),
    (
        "household_review",
        "deprivation that is no flag",
        set_in("logicalType", to="string", column="dep_water"),
        r"\[dep_water\]\.logicalType: expected boolean",
    ),
]


@pytest.mark.parametrize(
    ("dataset", "change", "complaint"),
    [pytest.param(dataset, change, complaint, id=name) for dataset, name, change, complaint in REFUSED],
)
def test_a_wrong_contract_is_refused(
    tmp_path: Path, dataset: str, change: Callable[[Document], None], complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint) as caught:
        load_changed(tmp_path, dataset, change)
    assert all(line.startswith(f"{dataset}.yaml: ") for line in str(caught.value).splitlines())


def test_the_unchanged_document_is_accepted(tmp_path: Path) -> None:
    assert load_changed(tmp_path, "support_delivery", lambda document: None) == SUPPORT


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    def change(document: Document) -> None:
        drop("businessName", column="amount")(document)
        set_in("team", "name", to="ministry")(document)

    with pytest.raises(ContractError) as caught:
        load_changed(tmp_path, "support_delivery", change)
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "supports.yaml"
    path.write_bytes((CONTRACTS_DIR / "support_delivery.yaml").read_bytes())
    with pytest.raises(ContractError, match="name: expected 'supports', as the file is called"):
        load_contract(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: [", "not well-formed YAML"),
        ("name: a\nname: b\n", "the key 'name' stands twice"),
        ("- a\n- b\n", "the document: Input should be a valid dictionary"),
        ("", "the document: Input should be a valid dictionary"),
    ],
)
def test_no_document_at_all(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=complaint):
        load_contract(path)
