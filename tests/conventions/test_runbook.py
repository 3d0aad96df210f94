"""Every message and alarm has its page of the runbook, every page its alarm, and says the four things."""

from pathlib import Path

import pytest

from ingestion import notify, watch
from ingestion.settings import PROJECT_DIR

PAGES = sorted((PROJECT_DIR / "docs" / "runbook").glob("*"))
KINDS = {*notify.KINDS, *watch.KINDS}


def test_each_kind_has_its_page_and_each_page_its_kind() -> None:
    assert {page.name for page in PAGES} == {f"{kind}.md" for kind in KINDS}
    assert set(watch.TITLES) == set(watch.KINDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_page_says_what_to_do(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}: ")
    parts = text.split("\n## ")
    assert [part.splitlines()[0] for part in parts[1:]] == [
        "What it means", "How to look", "What to do", "How to know it is over",
    ]  # fmt: skip
    assert all(len(part.split()) > 8 for part in parts), "a part says nothing"


def test_the_operations_manual_names_every_kind() -> None:
    manual = (PROJECT_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"runbook/{kind}.md" not in manual] == []
