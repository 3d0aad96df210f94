"""Template: a blank workbook of one data set for one sender and period, in the form that the reader reads best.

What the sender has told before is filled in, and nobody else's: the file holds personal data, so that only its owner
may read it (mode 0600).
"""

import os
import tempfile
from pathlib import Path

import sqlalchemy as sa
import xlsxwriter

from ingestion.official_forms.layout import REPORTED_FORMS
from ingestion.ops import Submission
from ingestion.period import Period
from ingestion.place import province_of_senders
from ingestion.settings import Settings
from ingestion.templating.choices import Choices
from ingestion.templating.guide import GUIDE_SHEET, write_guide
from ingestion.templating.list_form import write_list_form
from ingestion.templating.official_form import write_official_form
from ingestion.templating.prefill import Row, known_rows
from ingestion.templating.request import Request, TemplateError, make_request
from ingestion.templating.styles import Styles
from ingestion.warehouse import create_engine

__all__ = ["TemplateError", "make_template", "write_template"]


def make_template(
    dataset: str, sender_code: str, period_code: str, path: Path, settings: Settings, url: str | None
) -> int:
    """Write the workbook to a path that does not exist yet; gives the number of rows filled in from the last report.

    Without a warehouse (`url` None) nothing is known. Raises TemplateError.
    """
    if path.exists():
        raise TemplateError(f"{path} exists already; name another file with --out")
    if not path.parent.is_dir():
        raise TemplateError(f"{path.parent} is no folder")
    if url is None:
        request = make_request(dataset, sender_code, period_code, settings.province)
        write_template(path, request, {})
        return 0
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            province = settings.province or _province(connection, period_code)
            request = make_request(dataset, sender_code, period_code, province)
            known = {code: known_rows(connection, request, code) for code in request.contract.layouts(request.period)}
    finally:
        engine.dispose()
    write_template(path, request, known)
    return sum(map(len, known.values()))


def _province(connection: sa.Connection, period_code: str) -> str | None:
    """The province of the senders known, for agencies, whose code names none."""
    if not sa.inspect(connection).has_table("submission", schema="ops"):
        return None
    try:
        day = Period.parse(period_code).end
    except ValueError:  # told with the request
        return None
    return province_of_senders(connection.scalars(sa.select(Submission.sender_code).distinct()), day)


def write_template(path: Path, request: Request, known: dict[str, list[Row]]) -> None:
    """Write the workbook of a request; `known` are the rows to begin with, by poverty standard. The file is whole or
    is not there."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".template-", suffix=".xlsx")  # mode 0600
    os.close(descriptor)
    try:
        _write(temporary, request, known)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


def _write(file_name: str, request: Request, known: dict[str, list[Row]]) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file_name, options) as book:
        styles, choices = Styles(book), Choices(book)
        standards = list(request.contract.layouts(request.period))
        is_official = request.contract.dataset in REPORTED_FORMS
        for standard_code in standards:
            name = f"Chuẩn {standard_code}" if len(standards) > 1 else "Báo cáo"
            sheet = book.add_worksheet(name)
            if is_official:
                write_official_form(sheet, styles, choices, request)
            else:
                write_list_form(sheet, styles, choices, request, standard_code, known.get(standard_code, []))
        write_guide(book.add_worksheet(GUIDE_SHEET), styles, request, standards[-1], is_list=not is_official)
