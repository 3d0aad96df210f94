"""One form for comparison, whatever keyboard and font the text came from."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.text import fold, without_accents


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Hòa", "Hoà"),
        ("THUỶ", "thủy"),
        ("Xã  An\xa0Lạc", "xã an lạc"),
        ("Ê - đê", "Ê-đê"),
        ("Ê – đê", "ê-đê"),
        ("H’Mông", "H'Mông"),
        (unicodedata.normalize("NFD", "Quỳnh Thuỵ"), "Quỳnh Thụy"),
        ("\ufeffMã hộ\u200b", "mã hộ"),
        ("Khoẻ", "Khỏe"),
    ],
)
def test_one_text_in_two_spellings(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@pytest.mark.parametrize(("left", "right"), [("Thọ", "Thô"), ("Sa Pa", "Sa Pả"), ("lao động", "hợp đồng"), ("Đ", "D")])
def test_accents_tell_words_apart(left: str, right: str) -> None:
    assert fold(left) != fold(right)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậắằẳẵặ "))
def test_without_accents_leaves_plain_letters(text: str) -> None:
    assert without_accents(text).isascii()
