"""Text typed in the fonts of before Unicode: repaired exactly, or marked, or let alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import write_csv, write_xlsx

from ingestion.reading.legacy_text import TCVN3, VNI, LegacyCode, find_code
from ingestion.reading.sheet import Sheet
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings

MEANT = [
    ["Mã hộ", "Họ và tên chủ hộ", "Kết quả"],
    ["07645-00001", "Vi Văn Thuỷ", "Hộ nghèo"],
    ["07645-00002", "Đặng Thị Hường", "Hộ cận nghèo"],
    ["07645-00003", "Lý A Páo", "không có đất sản xuất; ốm đau, bệnh nặng"],
]
LETTERS = "aàáảãạăằắẳẵặâầấẩẫậbcdđeèéẻẽẹêềếểễệghiìíỉĩịklmnoòóỏõọôồốổỗộơờớởỡợpqrstuùúủũụưừứửữựvxyỳýỷỹỵ ;-0129"


def typed(code: LegacyCode) -> list[list[str]]:
    return [[code.encode(text) for text in row] for row in MEANT]


def read(path: Path) -> Sheet:
    (sheet,) = read_sheets(path, Settings())
    return sheet


def written(sheet: Sheet) -> list[list[str | None]]:
    return [list(row) for row in zip(*(cells.written().to_list() for cells in sheet.columns), strict=True)]


@pytest.mark.parametrize(
    ("code", "as_typed", "meant"),
    [
        (TCVN3, "Hé nghÌo", "Hộ nghèo"),
        (TCVN3, "Tû lÖ", "Tỷ lệ"),
        (TCVN3, "Tæng céng", "Tổng cộng"),
        (VNI, "Xin chaøo caùc baïn", "Xin chào các bạn"),
        (VNI, "TOÅNG COÄNG", "TỔNG CỘNG"),
        (VNI, "Ñöôøng Traàn Höng Ñaïo", "Đường Trần Hưng Đạo"),
    ],
)
def test_known_texts(code: LegacyCode, as_typed: str, meant: str) -> None:
    assert code.decode(as_typed) == meant
    assert code.is_exact(as_typed)
    assert find_code([as_typed]) is code


@pytest.mark.parametrize("code", [TCVN3, VNI])
@given(st.text(alphabet=LETTERS))
def test_what_is_typed_is_what_was_meant(code: LegacyCode, text: str) -> None:
    assert code.decode(code.encode(text)) == text


@pytest.mark.parametrize("code", [TCVN3, VNI])
def test_workbooks(code: LegacyCode, tmp_path: Path) -> None:
    assert written(read(write_xlsx(tmp_path / "a.xlsx", typed(code)))) == MEANT


@pytest.mark.parametrize("code", [TCVN3, VNI])
def test_csv(code: LegacyCode, tmp_path: Path) -> None:
    rows = [[text.replace(";", ",") for text in row] for row in typed(code)]
    sheet = read(write_csv(tmp_path / "a.csv", rows, delimiter=";", encoding="latin-1"))
    assert written(sheet) == [[text.replace(";", ",") for text in row] for row in MEANT]


def test_a_font_of_capitals_shows_small_letters_as_capitals(tmp_path: Path) -> None:
    rows = [["ñY BAN NH¢N D¢N HUYÖN S¬N §éNG"], ["X· AN L¹C, huyÖn S¬N §éNG"], ["Vò ThÞ Hµ"]]
    assert written(read(write_xlsx(tmp_path / "a.xlsx", rows))) == [
        ["ỦY BAN NHÂN DÂN HUYỆN SƠN ĐỘNG"],
        ["Xã AN LẠC, huyện SƠN ĐỘNG"],
        ["Vũ Thị Hà"],
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ["Le marché de la société", "à côté du blé", "Noël, naïf, où", "été"],
        ["Müller über die Größe", "für schöne Tür", "Köln", "Öl"],
        ["Xã Hà Lâu", "Hoà Bình", "không có", "Tên xã", "hé", "Hộ nghèo"],
        ["xã", "Hà", "hoá", "là", "Lê Quý", "hé"],
        ["5 µm", "12 m²", "§ 3", "· mục", "½ ha", "Hộ nghèo"],
        ["Nguyễn Văn Ấ", "Đỗ Thị Ỷ", "José Müller", "Krông Pắk", "Ea H'leo"],
        ["plain text", "01234", ""],
    ],
)
def test_what_is_in_no_legacy_code_stays(texts: list[str], tmp_path: Path) -> None:
    sheet = read(write_xlsx(tmp_path / "a.xlsx", [["x", text] for text in texts]))
    assert sheet.columns[1].written().to_list() == [text or None for text in texts]
    assert not sheet.broken


def test_a_cell_that_cannot_be_told_exactly_is_marked(tmp_path: Path) -> None:
    rows = [*typed(TCVN3), ["07645-00004", "TrÇn ThÞ Hường", "Hé nghÌo"]]  # one word pasted from elsewhere
    sheet = read(write_xlsx(tmp_path / "a.xlsx", rows))
    assert [(cell.row, cell.column, cell.text, cell.is_garbled) for cell in sheet.broken] == [
        (4, 1, "TrÇn ThÞ Hường", True)
    ]
    assert written(sheet)[4] == ["07645-00004", None, "Hộ nghèo"]


def test_proper_cells_among_others_stay(tmp_path: Path) -> None:
    rows = [*typed(VNI), ["07645-00004", "Trần Thị Hường", "Hộ nghèo"], ["07645-00005", "Ma A Su", "x"]]
    assert written(read(write_xlsx(tmp_path / "a.xlsx", rows)))[4:] == rows[4:]


def test_a_few_cells_pasted_into_a_proper_sheet(tmp_path: Path) -> None:
    rows = [*MEANT, *MEANT[1:], ["07645-00009", "Hoµng ThÞ B¸ch", "Hé nghÌo"]]
    assert written(read(write_xlsx(tmp_path / "a.xlsx", rows)))[-1] == ["07645-00009", "Hoàng Thị Bách", "Hộ nghèo"]
