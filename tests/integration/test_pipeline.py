"""The steps of a night leave their outcome, also when they fail, and a failure of ours stops nobody else."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingestion import arrivals, pipeline
from ingestion.settings import PROJECT_DIR, get_settings
from ingestion.warehouse import prepare

SAMPLES = PROJECT_DIR / "examples" / "inbox"
Database = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def db(prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", prepared)
    get_settings.cache_clear()
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute(
            "truncate ops.submission, ops.finding, ops.conservation, ops.step_outcome, raw.unread_cell,"
            " raw.column_position, raw.commune_profile, raw.credit_loan"
        )
        yield connection
    get_settings.cache_clear()


def profiles(tmp_path: Path, *districts: str) -> Path:
    """An inbox with the commune profile of 2023 of these districts."""
    for district in districts:
        folder = tmp_path / "inbox" / district / "2023"
        folder.mkdir(parents=True)
        [sample] = (SAMPLES / district / "2023").glob("thong tin xa*")
        (folder / sample.name).write_bytes(sample.read_bytes())
    return tmp_path / "inbox"


def test_a_file_that_fails_for_a_reason_of_ours_is_named_and_stops_no_neighbour(db: Database, tmp_path: Path) -> None:
    inbox = profiles(tmp_path, "huyen-220")
    folder = inbox / "huyen-220" / "2022"
    folder.mkdir()
    [other] = (SAMPLES / "huyen-220" / "2022").glob("thong tin xa*")
    (folder / other.name).write_bytes(other.read_bytes())
    db.execute(
        "create function raw.fail() returns trigger language plpgsql as"
        " $$begin if (select period_code from ops.submission s where s.submission_id = new.submission_id) = '2022'"
        " then raise exception 'disk full' using detail = 'row of Dương Thị Nga'; end if; return new; end$$;"
        "create trigger fail before insert on raw.commune_profile for each row execute function raw.fail()"
    )
    [batch] = pipeline.batches(str(inbox))
    try:
        with pytest.raises(pipeline.ReceiveError, match=r"huyen-220/2022/.*disk full") as caught:
            pipeline.receive_batch(batch, "night")
    finally:
        db.execute("drop function raw.fail() cascade")
    assert "Dương" not in str(caught.value)
    assert db.execute("select period_code, status_code from ops.submission").fetchall() == [("2023", "received")]
    step = (
        "select step, subject, status_code, count_in, count_out, message like '%disk full%' from ops.step_outcome"
        " where submission_id is null"
    )
    assert db.execute(step).fetchall() == [("receive", "huyen-220", "failed", 2, 1, True)]

    counts = pipeline.receive_batch(batch, "again")
    assert (counts["received"], counts["duplicate"]) == (1, 1)


def test_an_agencys_communes_are_looked_up_in_the_province_of_the_districts_seen(db: Database, tmp_path: Path) -> None:
    """`Xã An Lạc` is the name of several communes of the country; without a household code the province tells which."""
    inbox = profiles(tmp_path, "huyen-220")
    sample = (SAMPLES / "nhcsxh" / "2023-Q4" / "sao ke NHCSXH 2023-Q4.csv").read_text(encoding="utf-8-sig")
    heading, *lines = sample.splitlines()
    [line] = [line.split(";") for line in lines if "Xã An Lạc;" in line][:1]
    line[heading.split(";").index("Mã hộ")] = ""
    line[heading.split(";").index("Tên PGD")] = ""
    folder = inbox / "nhcsxh" / "2023-Q4"
    folder.mkdir(parents=True)
    (folder / "loan.csv").write_text(f"{heading}\n{';'.join(line)}\n", encoding="utf-8")
    for batch in pipeline.batches(str(inbox)):
        pipeline.receive_batch(batch, "night")
    assert db.execute("select commune_name, commune_code from raw.credit_loan").fetchall() == [("Xã An Lạc", "07645")]
    assert db.execute("select * from raw.unread_cell").fetchall() == []


def test_an_empty_inbox_and_a_missing_one(db: Database, tmp_path: Path) -> None:
    assert pipeline.batches() == []  # the home's own inbox is made
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pipeline.batches(str(tmp_path / "nowhere"))


def test_what_arrives_by_day_is_received_once_and_alone(db: Database, tmp_path: Path) -> None:
    """A file that is known already, or was not told, is left alone; one that failed is not noted as received."""
    inbox = get_settings().inbox_dir
    profiles(tmp_path, "huyen-220", "huyen-223")
    inbox.parent.mkdir()
    (tmp_path / "inbox").rename(inbox)
    first, second = sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*.*"))
    [batch] = pipeline.batches(places=[first])
    assert batch["places"] == [first]
    assert pipeline.receive_batch(batch, "day")["received"] == 1
    assert arrivals.received(get_settings()).keys() == {first}
    assert pipeline.batches(places=[first]) == []  # told twice, as after a kill of the watcher
    db.execute("alter table raw.commune_profile rename to away")
    try:
        [batch] = pipeline.batches(places=[first, second, "huyen-220/2023/gone.xlsx"])
        with pytest.raises(pipeline.ReceiveError):
            pipeline.receive_batch(batch, "day")
    finally:
        db.execute("alter table raw.away rename to commune_profile")
    assert arrivals.received(get_settings()).keys() == {first}
    [batch] = pipeline.batches(places=[first, second])
    pipeline.receive_batch(batch, "day")
    assert arrivals.received(get_settings()).keys() == {first, second}
    assert [batch["sender"] for batch in pipeline.batches()] == ["huyen-220", "huyen-223"]  # the night reads all
