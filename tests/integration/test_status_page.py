"""The status page in a real browser, served by `chungtay serve` and written as a file."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from prometheus_client.parser import text_string_to_metric_families

from ingestion.local.postgres import free_port, is_listening
from ingestion.settings import Settings
from ingestion.status.glance import Held, Messages, Owed, Running, Undelivered, glance
from ingestion.status.page import page as render
from ingestion.status.unusual import Moved, Movement

CHUNGTAY = Path(sys.executable).with_name("chungtay")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.fail("no Chromium is installed: run tests/install_browser.sh as root, or install one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def port(sample_night: str, sample_home: Path) -> Iterator[int]:
    """`chungtay serve` on the published sample night."""
    chosen = free_port()
    environment = os.environ | {"CHUNGTAY_HOME": str(sample_home), "CHUNGTAY_WAREHOUSE_URL": sample_night}
    process = subprocess.Popen([CHUNGTAY, "serve", "--port", str(chosen)], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not is_listening(chosen):
            assert process.poll() is None, "chungtay serve ended"
            assert time.monotonic() < deadline, "chungtay serve does not listen"
            time.sleep(0.05)
        yield chosen
    finally:
        process.terminate()
        assert process.wait(30) in (0, -15)


def ask(port: int, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def opened(browser: Browser, url: str, viewport: dict[str, int]) -> tuple[Page, list[str], list[str]]:
    """The page, what it asked for, and what the browser complained of."""
    page = browser.new_page(viewport=viewport)  # type: ignore[arg-type]
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    return page, asked, complaints


@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_the_page_answers_the_five_questions(browser: Browser, port: int, viewport: dict[str, int]) -> None:
    page, asked, complaints = opened(browser, f"http://127.0.0.1:{port}/", viewport)
    assert page.title() == "Đã công bố · Chung Tay"
    assert page.locator("[role=status]").inner_text().startswith("Đã công bố")
    headings = page.locator("h2").all_inner_texts()
    questions = ["Ai chậm?", "Giữ lại những gì?", "Biến động lạ?", "Sắp đến hạn mà chưa có?"]
    assert [heading.partition("? ")[0] + "?" for heading in headings[:4]] == questions
    assert page.locator("section:has(#late) tbody tr").count() == 12
    assert "Thành phố Bắc Giang" in page.locator("section:has(#late)").inner_text()
    assert "không có gì lạ" in page.locator("section:has(#unusual)").inner_text()
    # one file: nothing is fetched, nothing is refused by its own policy, and no side-scrolling of the page
    assert asked[0] == f"http://127.0.0.1:{port}/"
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    # its style is applied
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.headline')).backgroundColor") == "rgb(230, 244, 236)"
    )
    page.close()


@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_the_page_is_accessible(browser: Browser, port: int, viewport: dict[str, int]) -> None:
    """By the rules of axe: names, contrast, structure, languages."""
    # axe is a script, which the page's own policy forbids
    context = browser.new_context(viewport=viewport, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    results = Axe().run(page)
    assert len(results.response["passes"]) > 20
    assert results.violations_count == 0, results.generate_report()
    context.close()


def test_a_figure_leads_to_its_list_by_keyboard(browser: Browser, port: int) -> None:
    page, _, _ = opened(browser, f"http://127.0.0.1:{port}/", PHONE)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#late"
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('#late').getBoundingClientRect().top") < PHONE["height"]
    page.close()


def test_the_written_file_is_the_same_page(
    browser: Browser, sample_night: str, sample_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "status.html"
    environment = os.environ | {"CHUNGTAY_HOME": str(sample_home), "CHUNGTAY_WAREHOUSE_URL": sample_night}
    done = subprocess.run([CHUNGTAY, "status", "--html", file], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{file}\n"), done.stderr
    page, asked, complaints = opened(browser, file.as_uri(), PHONE)
    assert page.title() == "Đã công bố · Chung Tay"
    assert ([url for url in asked if not url.startswith(("data:", "file:"))], complaints) == ([], [])
    page.close()


def test_a_bad_night_is_seen_at_once(browser: Browser, sample_night: str, sample_home: Path, tmp_path: Path) -> None:
    """What the sample night has none of: a refusal, held rows, unusual movements, deadlines, messages that wait."""
    good = glance(Settings(home=sample_home, warehouse_url=sample_night))
    assert good.night is not None
    bad = replace(
        good,
        night=replace(good.night, outcome="refused", reasons=("test books_balance", "<script>alert(1)</script>")),
        running=(Running("judge household_review", 75.2),),
        held=(Held("household_review", "huyen-220", "2024", 1200, 1800, ("HR-01", "HR-07")),),
        movement=Movement(
            (
                Moved("rows", "support_delivery", "sxd", "", "2024-Q4", "row", 17, 410, (405, 415)),
                Moved("indicator", "poor_household_rate", "24", "2021-2025", "2024", "percent", 12.5, 4.25, (4, 4.5)),
            ),
            *(73, 1),
        ),
        due_soon=(
            Owed("nhcsxh", "credit_loan", "2024-Q4", "", "missing", date(2025, 1, 15), 3, was_late=False, days_late=0),
            Owed(
                "huyen-213", "commune_profile", "2024", "", "rejected", date(2025, 1, 15), 3, was_late=True, days_late=9
            ),
        ),
        messages=Messages(("mail",), (Undelivered("mail", 3, "TimeoutError"),)),
    )
    file = tmp_path / "bad.html"
    file.write_text(render(bad), encoding="utf-8")
    for viewport in (PHONE, DESK):
        page, _, complaints = opened(browser, file.as_uri(), viewport)
        assert page.title() == "Bị từ chối, chưa công bố · Chung Tay"
        headline = page.locator("[role=status]")
        assert "Refused, not published" in headline.inner_text()
        assert headline.locator("li").all_inner_texts() == ["test books_balance", "<script>alert(1)</script>"]
        assert "1.200" in page.locator("section:has(#held) tbody tr").inner_text()
        moved = page.locator("section:has(#unusual) tbody tr").all_inner_texts()
        assert ["Sở Xây dựng" in moved[0], "Tỷ lệ hộ nghèo" in moved[1], "12,50" in moved[1]] == [True] * 3
        due = page.locator("section:has(#due) tbody tr").all_inner_texts()
        assert ["muộn 9 ngày" in due[0], "đúng hạn" in due[1]] == [True] * 2  # who was late before stands first
        assert "3 thông báo chưa gửi được qua mail" in page.locator("footer").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert complaints == []
        page.close()
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(file.as_uri())
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    context.close()


def test_a_warehouse_that_is_down_has_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "down.html"
    file.write_text(render(glance(Settings(home=tmp_path / "home"))), encoding="utf-8")
    page, _, complaints = opened(browser, file.as_uri(), PHONE)
    assert page.locator("[role=status]").inner_text().startswith("Kho dữ liệu đang tắt")
    assert complaints == []
    page.close()


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/nothing"])
def test_every_answer_has_the_headers_that_keep_it_safe(port: int, path: str) -> None:
    status, headers, _ = ask(port, path)
    assert status == (404 if path == "/nothing" else 200)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
    assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(port: int, method: str) -> None:
    assert {ask(port, path, method)[0] for path in ("/", "/status.json", "/metrics")} == {405}


def test_json_and_metrics_are_of_the_same_status(port: int) -> None:
    _, headers, body = ask(port, "/status.json")
    assert headers["content-type"] == "application/json"
    told = json.loads(body)
    assert told["publication"]["night_id"] == "second"
    _, headers, text = ask(port, "/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    [overdue] = families["chungtay_overdue_senders"].samples
    assert overdue.value == len({each["sender_code"] for each in told["overdue"]})
