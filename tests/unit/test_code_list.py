"""Code lists: what is recognised, and what is refused."""

from pathlib import Path

import pytest

from ingestion.code_list import Code, CodeList, CodeListError, load_code_list
from ingestion.settings import REFERENCE_DIR

CLASSES = CodeList(
    "household_class",
    (Code("poor", "Hộ nghèo", ("Nghèo", "HN")), Code("near_poor", "Hộ cận nghèo", ("HCN",)), Code("x07", "Hòa - Bình")),
)


def write(folder: Path, *lines: str) -> Path:
    (folder / "sample.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_codes_and_labels_keep_the_order_of_the_list() -> None:
    assert CLASSES.codes == ("poor", "near_poor", "x07")
    assert list(CLASSES.labels.items())[1] == ("near_poor", "Hộ cận nghèo")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("poor", "poor"),
        ("Hộ nghèo", "poor"),
        ("HỘ  NGHÈO ", "poor"),
        ("Hô\u0323\u00a0nghe\u0300o", "poor"),
        ("hn", "poor"),
        ("HCN", "near_poor"),
        ("Hoà – Bình", "x07"),
        ("Hoà Bình", "x07"),
        ("Hộ khá", None),
        ("Ho ngheo", None),  # accents tell words apart
        ("", None),
    ],
)
def test_code_name_and_alias_in_any_form(text: str, code: str | None) -> None:
    assert CLASSES.find(text) == code


@pytest.mark.parametrize("text", ["01", "1", "1.0", "01.0", "HN", "Hộ nghèo"])
def test_a_number_that_lost_its_zeros(text: str) -> None:
    assert load_code_list("credit_programme").find(text) == "01"


def test_numbers_are_not_confused() -> None:
    groups = load_code_list("ethnic_group")
    assert [groups.find(text) for text in ("2", "20", "2.0", "02", "200")] == ["02", "20", "02", "02", None]
    assert groups.find("H’Mông") == "08"
    assert groups.find("Khơ me") == groups.find("Khơ-Me") == "05"


def test_short_names_and_aliases_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path, "code,short,name_vi,aliases", "01,HN,Hộ nghèo,A|B", "02,,Hộ cận nghèo,")
    codes = load_code_list("sample", folder)
    assert codes.entries == (Code("01", "Hộ nghèo", ("HN", "A", "B")), Code("02", "Hộ cận nghèo"))


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["code,name_vi,aliases", "a,Một,", "b,Hai,một"], "'một' stands for both 'a' and 'b'"),
        (["code,name_vi", "a,Một", "b, MỘT "], "'một' stands for both"),
        (["code,name_vi", "01,Một", "1,Hai"], "'1' stands for both"),
        (["code,name_vi", "a,Một", "a,Hai"], "a code stands twice"),
        (["code,name_vi", "a,"], "'a' has an empty code, name or alias"),
        (["code,name_vi,aliases", "a,Một,x||y"], "'a' has an empty code, name or alias"),
        (["code,name_vi"], "sample is empty"),
        (["code,name", "a,Một"], "no columns code and name_vi"),
    ],
)
def test_a_list_that_tells_nothing_apart_is_refused(tmp_path: Path, lines: list[str], complaint: str) -> None:
    with pytest.raises(CodeListError, match=complaint):
        load_code_list("sample", write(tmp_path, *lines))


def test_a_list_that_does_not_exist() -> None:
    with pytest.raises(CodeListError, match="no code list nowhere"):
        load_code_list("nowhere")


@pytest.mark.parametrize("name", ["deprivation", "poverty_standard", "admin_unit"])
def test_a_dated_list_is_no_code_list(name: str) -> None:
    assert (REFERENCE_DIR / f"{name}.csv").is_file()
    with pytest.raises(CodeListError):
        load_code_list(name)
