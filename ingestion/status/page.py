"""The status as one page: no script, nothing from elsewhere, Vietnamese first; for a phone and a screen reader, too.

It names senders, data sets, tables and rules; no person, no file, no cell.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from ingestion.code_list import load_code_list
from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.place import find_unit, sender_unit
from ingestion.status.glance import DUE_SOON_DAYS, Owed, Status
from ingestion.status.screen import by_dataset, by_sender, number

LINES = 12  # of a list; `chungtay status --json` has all
_EARLIER = 5  # values of the past that are shown

_OUTCOMES = {
    "published": ("Đã công bố", "Published"),
    "refused": ("Bị từ chối, chưa công bố", "Refused, not published"),
    "failed": ("Bị lỗi, chưa công bố", "Failed, not published"),
    "running": ("Đang chạy", "Running"),
    "unfinished": ("Dở dang, chưa công bố", "Unfinished, not published"),
}
_WAREHOUSE = {
    "empty": ("Kho dữ liệu còn trống: chưa có đợt chạy nào", "The warehouse is empty: no night has run on it yet"),
    "down": ("Kho dữ liệu đang tắt", "The warehouse is down"),
    "unreachable": ("Kho dữ liệu không trả lời", "The warehouse does not answer"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer before all answers. `tone` is good, bad or calm."""

    tone: str
    vi: str
    en: str


def page(status: Status) -> str:
    """The whole page as HTML."""
    html: str = _template().render(
        status=status,
        headline=_headline(status),
        policy=content_policy(),
        late=None if status.overdue is None else by_sender(status.overdue),
        due_soon=sorted(status.due_soon or (), key=lambda each: (not each.was_late, each.days, each.sender_code)),
        datasets=by_dataset(status.reports),
        held_rows=sum(each.held_row_count for each in status.held),
        due_soon_days=DUE_SOON_DAYS,
        outcomes=_OUTCOMES,
        lines=LINES,
        earlier=_EARLIER,
    )
    return html


def content_policy() -> str:
    """The page's Content-Security-Policy: its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _headline(status: Status) -> Headline:
    if status.warehouse.state != "answers":
        return Headline("calm" if status.warehouse.state == "empty" else "bad", *_WAREHOUSE[status.warehouse.state])
    if status.night is None:
        return Headline("calm", "Chưa có đợt chạy nào", "No night has run yet")
    tone = {"published": "good", "running": "calm"}.get(status.night.outcome, "bad")
    return Headline(tone, *_OUTCOMES[status.night.outcome])


def _source() -> str:
    return (files("ingestion.status") / "page.html").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _style() -> str:
    found = re.search(r"<style>(.*?)</style>", _source(), re.DOTALL)
    if found is None:
        raise AssertionError("page.html has no style")
    return found[1]


@lru_cache(maxsize=1)
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "ago": _ago, "count": _count, "amount": _amount, "moment": _moment, "sender": _sender, "dataset": _dataset,
        "indicator": _indicator, "province": _province, "a_year_ago": _a_year_ago,
    }  # fmt: skip
    return environment.from_string(_source())


def _moment(instant: datetime, at: datetime) -> str:
    """As a Vietnamese reader writes it, in the time zone of `at`."""
    return f"{instant.astimezone(at.tzinfo):%H:%M %d/%m/%Y}"


def _ago(seconds: float) -> tuple[str, str]:
    for vi, en, size in (("ngày", "days", 86_400), ("giờ", "hours", 3_600), ("phút", "minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {vi} trước", f"{seconds / size:.0f} {en} ago"
    return "vừa xong", "just now"


def _count(value: float) -> str:
    """Thousands apart by a dot, as Vietnamese writes them."""
    return f"{value:,}".replace(",", ".")


def _amount(value: float) -> str:
    whole, _, decimals = number(value).partition(".")
    return _count(int(whole)) + (f",{decimals}" if decimals else "")


@lru_cache(maxsize=10_000)
def _sender(code: str, period_code: str) -> str:
    """The sender's name on the last day of the period; the code where it is nobody we know."""
    try:
        unit = sender_unit(code, Period.parse(period_code).end)
    except ValueError:
        return code
    return unit.name if unit else load_code_list("agency").labels.get(code.upper(), code)


def _dataset(name: str) -> str:
    contract = load_contracts().get(name)
    return contract.title_vi if contract else name


def _indicator(code: str) -> str:
    return load_code_list("indicator").labels.get(code, code)


def _province(code: str, period_code: str) -> str:
    unit = find_unit("province", code, Period.parse(period_code).end)
    return unit.name if unit else code


def _a_year_ago(owed: Owed) -> tuple[str, str]:
    if owed.was_late is None:
        return "chưa phải gửi", "not expected"
    if not owed.was_late:
        return "đúng hạn", "on time"
    if owed.days_late:
        return f"muộn {owed.days_late} ngày", f"{owed.days_late} days late"
    return "không gửi", "never came"
