"""Publishing changes all of `mart` in one transaction, touches only what differs, refuses unbalanced books."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import scalar_row

from ingestion.history import restore
from ingestion.publish import publish
from ingestion.relation import PublicationRefusedError
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

BUILD = """
drop schema if exists mart, mart_build, mart_history, staging, intermediate cascade;
create schema mart_history;
create schema mart; create schema mart_build; create schema staging; create schema intermediate;
truncate ops.publication;
truncate change.foreign_key, change.build;
insert into change.foreign_key values
    ('fct_household_review', array['area_code'], 'warehouse.mart_build.dim_area', array['area_code']);
create table intermediate.int_report__set_aside
    (dataset text, submission_id bigint, sheet_name text, row_number int);
create table staging.sent (submission_id bigint default 1, sheet_name text default 's', row_number serial);
create table staging.stg_household_review (member_count bigint) inherits (staging.sent);
create table staging.stg_commune_profile (household_count bigint, population bigint) inherits (staging.sent);
create table staging.stg_support_delivery (amount_vnd numeric) inherits (staging.sent);
create table staging.stg_review_result () inherits (staging.sent);
insert into staging.stg_review_result (row_number) values (1);
create table staging.stg_household_member () inherits (staging.sent);
create table staging.stg_programme_finance
    (planned_vnd numeric, allocated_vnd numeric, disbursed_vnd numeric) inherits (staging.sent);
create table staging.stg_capacity_activity (cost_vnd numeric, participant_count bigint) inherits (staging.sent);
create table staging.stg_task_progress (completion_rate numeric) inherits (staging.sent);
create table staging.stg_credit_loan
    (disbursed_vnd numeric, repaid_vnd numeric, outstanding_vnd numeric, overdue_vnd numeric) inherits (staging.sent);
insert into staging.stg_household_review (row_number, member_count) values (1, 4), (2, 3);
insert into staging.stg_credit_loan (disbursed_vnd, repaid_vnd, outstanding_vnd) values (5000000, 0, 5000000);
create table mart_build.dim_area (area_code text primary key, area_name text);
comment on table mart_build.dim_area is 'One row per area.';
comment on column mart_build.dim_area.area_name is 'Name, 100 %';
insert into mart_build.dim_area values ('x', 'Xã X');
create table mart_build.fct_household_review
    (household_code text primary key, area_code text, member_count bigint);
insert into mart_build.fct_household_review values ('1', 'x', 4), ('2', 'x', 3);
create table mart_build.fct_commune_profile
    (commune_code text primary key, household_count bigint, population bigint);
create table mart_build.fct_household_member (person_key text primary key);
create table mart_build.fct_programme_finance
    (project_code text primary key, planned_vnd numeric, allocated_vnd numeric, disbursed_vnd numeric);
create table mart_build.fct_capacity_activity
    (activity_id text primary key, cost_vnd numeric, participant_count bigint);
create table mart_build.fct_task_progress (task_code text primary key, completion_rate numeric);
create table mart_build.fct_support (support_id text primary key, amount_vnd numeric);
create table mart_build.fct_credit_loan
    (loan_id text primary key, disbursed_vnd numeric, repaid_vnd numeric, outstanding_vnd numeric, overdue_vnd numeric);
insert into mart_build.fct_credit_loan values ('a', 5000000, 0, 5000000, null);
"""

SUBMISSION_WITHOUT_ROWS = """
insert into ops.submission
    (sender_code, dataset, period_code, sha256, file_name, status_code, row_count, received_at, code_version)
values ('huyen-1', 'household_review', '2022', 'f', 'f', 'accepted', 3, now(), '')
"""


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def db(prepared: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute(BUILD)
        yield connection


def test_the_first_publication_brings_tables_keys_and_comments(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    changes = publish(prepared, "n1")
    assert changes["fct_household_review"].rows_added == 2
    assert db.execute("select * from mart.fct_household_review order by 1").fetchall() == [("1", "x", 4), ("2", "x", 3)]
    assert db.execute(
        "select obj_description('mart.dim_area'::regclass), col_description('mart.dim_area'::regclass, 2)"
    ).fetchone() == ("One row per area.", "Name, 100 %")
    keys = db.execute(
        "select contype, condeferrable, confrelid::regclass::text from pg_constraint"
        " where conrelid = 'mart.fct_household_review'::regclass and contype in ('p', 'f') order by 1"
    ).fetchall()
    assert keys == [("f", True, "mart.dim_area"), ("p", False, "-")]
    assert db.execute(
        "select rows_changed, changes -> 'dim_area' ->> 'rows_added' from ops.publication"
    ).fetchall() == [(4, "1")]


def test_the_same_build_again_changes_nothing(db: psycopg.Connection[tuple[object, ...]], prepared: str) -> None:
    publish(prepared, "n1")
    before = db.execute("select ctid, xmin from mart.fct_household_review order by 1").fetchall()
    assert all(c.rows_added == c.rows_removed == 0 for c in publish(prepared, "n2").values())
    assert db.execute("select ctid, xmin from mart.fct_household_review order by 1").fetchall() == before
    assert db.execute("select rows_changed from ops.publication where night_id = 'n2'").fetchall() == [(0,)]


def test_only_what_differs_is_touched_and_views_grants_and_readers_stay(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    publish(prepared, "n1")
    db.execute("create view mart.v as select sum(member_count) as members from mart.fct_household_review")
    db.execute("grant select on mart.fct_household_review to bi_reader")
    db.execute("update mart_build.fct_household_review set member_count = 5 where household_code = '2'")
    db.execute("update staging.stg_household_review set member_count = 5 where row_number = 2")
    untouched = db.execute("select xmin from mart.fct_household_review where household_code = '1'").fetchone()
    with psycopg.connect(prepared) as reader:
        reader.execute("set transaction isolation level repeatable read")
        assert reader.execute("select members from mart.v").fetchone() == (7,)
        change = publish(prepared, "n2")["fct_household_review"]  # would hang here if readers were in its way
        assert reader.execute("select members from mart.v").fetchone() == (7,)
    assert (change.rows_before, change.rows_after, change.rows_removed, change.rows_added) == (2, 2, 1, 1)
    assert db.execute("select members from mart.v").fetchone() == (9,)
    assert db.execute("select xmin from mart.fct_household_review where household_code = '1'").fetchone() == untouched
    assert db.execute("select has_table_privilege('bi_reader', 'mart.fct_household_review', 'select')").fetchone() == (
        True,
    )


REPORT = """
create view mart_build.rpt_area as
    select a.area_name, sum(r.member_count) as member_count
    from mart_build.dim_area as a inner join mart_build.fct_household_review as r using (area_code) group by 1;
create view mart_build.all_area as
    with said as (select 'a' as letter union all select 'b'::text)  -- which the server writes otherwise once read back
    select member_count, {} as rpt_count from mart_build.rpt_area where exists (select from said);
comment on view mart_build.rpt_area is 'One row per area.';
comment on column mart_build.rpt_area.member_count is 'Members.';
"""


def test_a_view_of_the_build_rests_on_the_public_tables(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    db.execute(REPORT.format("1"))
    publish(prepared, "n1")
    db.execute("update mart_build.fct_household_review set member_count = 100")
    assert db.execute("select * from mart.rpt_area").fetchall() == [("Xã X", 7)]
    assert db.execute("select * from mart.all_area").fetchall() == [(7, 1)]
    assert db.execute(
        "select obj_description('mart.rpt_area'::regclass), col_description('mart.rpt_area'::regclass, 2)"
    ).fetchone() == ("One row per area.", "Members.")


def test_a_view_that_says_the_same_is_not_in_the_way_of_its_readers(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    db.execute(REPORT.format("1"))
    publish(prepared, "n1")
    with psycopg.connect(prepared) as reader:
        assert reader.execute("select member_count from mart.rpt_area").fetchone() == (7,)
        publish(prepared, "n2")  # would hang here
    db.execute("drop view mart_build.all_area; drop view mart_build.rpt_area")
    db.execute(REPORT.format("2"))
    publish(prepared, "n3")
    assert db.execute("select rpt_count from mart.all_area").fetchone() == (2,)
    db.execute(
        "drop view mart_build.all_area; create view mart_build.all_area as select member_count from mart_build.rpt_area"
    )
    with pytest.raises(
        PublicationRefusedError, match=r"mart\.all_area has columns that are built no more \(rpt_count\)"
    ):
        publish(prepared, "n4")


def test_the_vault_changes_with_the_marts(db: psycopg.Connection[tuple[object, ...]], prepared: str) -> None:
    db.execute(
        "drop schema if exists vault, vault_build cascade; create schema vault; create schema vault_build;"
        "create table vault_build.vault_person (person_key text primary key, full_name text, area_code text);"
        "insert into change.foreign_key values"
        " ('vault_person', array['area_code'], 'warehouse.mart_build.dim_area', array['area_code']);"
        "insert into vault_build.vault_person values ('k', 'Tên', 'x')"
    )
    assert publish(prepared, "n1")["vault.vault_person"].rows_added == 1
    assert db.execute("select * from vault.vault_person").fetchall() == [("k", "Tên", "x")]
    assert db.execute(
        "select confrelid::regclass::text from pg_constraint where conrelid = 'vault.vault_person'::regclass"
        " and contype = 'f'"
    ).fetchall() == [("mart.dim_area",)]
    db.execute("drop schema vault_build cascade; create schema vault_build")


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("delete from mart_build.fct_household_review where household_code = '2'", "fct_household_review: rows is 1"),
        ("insert into mart_build.fct_support values ('s', 1)", "fct_support: rows is 1, accepted were 0"),
        ("update mart_build.fct_credit_loan set disbursed_vnd = 4999999", "disbursed_vnd is 4999999"),
        ("drop table mart_build.fct_support", "fct_support was not built"),
        (
            SUBMISSION_WITHOUT_ROWS,
            "3 rows in the file, 0 in raw",
        ),
        (
            SUBMISSION_WITHOUT_ROWS.replace("household_review", "review_result"),
            "stg_review_result: rows is 1, accepted were 3",
        ),
    ],
)
def test_a_row_or_a_dong_unaccounted_for_refuses_the_publication(
    db: psycopg.Connection[tuple[object, ...]], prepared: str, damage: str, named: str
) -> None:
    publish(prepared, "n1")
    before = db.execute("select * from mart.fct_household_review order by 1").fetchall()
    db.execute(damage)
    try:
        with pytest.raises(PublicationRefusedError, match=named):
            publish(prepared, "n2")
    finally:
        db.execute("delete from ops.submission")
    assert db.execute("select * from mart.fct_household_review order by 1").fetchall() == before
    assert db.execute("select night_id from ops.publication").fetchall() == [("n1",)]


def test_a_row_that_refers_to_nothing_refuses_the_publication_by_the_key(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    publish(prepared, "n1")
    db.execute("update mart_build.fct_household_review set area_code = 'y' where household_code = '2'")
    with pytest.raises(
        PublicationRefusedError, match=r"mart\.fct_household_review: foreign key .*area_code.* does not"
    ):
        publish(prepared, "n2")
    assert db.execute("select distinct area_code from mart.fct_household_review").fetchall() == [("x",)]


def test_marts_that_were_not_built_to_the_end_are_not_published(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    build = "insert into change.build (layer, definition, as_of, finished_at) values (%s, '', now(), %s)"
    db.execute(build, ["marts", None])
    with pytest.raises(PublicationRefusedError, match="did not end well"):
        publish(prepared, "n1")
    db.execute(build, ["marts", "2024-01-01"])
    db.execute(build, ["staging", None])  # of the night to come
    assert publish(prepared, "n1")["dim_area"].rows_added == 1


def test_a_row_set_aside_is_accounted_for_and_once_only(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    db.execute("insert into staging.stg_household_review (row_number, member_count) values (9, 6)")
    with pytest.raises(PublicationRefusedError, match="rows is 2, accepted were 3"):
        publish(prepared, "n1")
    db.execute("insert into intermediate.int_report__set_aside values ('household_review', 1, 's', 9)")
    publish(prepared, "n1")
    db.execute("insert into intermediate.int_report__set_aside values ('household_review', 1, 's', 1)")
    with pytest.raises(PublicationRefusedError, match="rows is 2, accepted were 1"):
        publish(prepared, "n2")


def test_a_new_column_is_added_and_a_removed_or_retyped_one_refused(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    publish(prepared, "n1")
    db.execute("alter table mart_build.dim_area add column level text")
    db.execute("update mart_build.dim_area set level = 'commune'")
    publish(prepared, "n2")
    assert db.execute("select * from mart.dim_area").fetchall() == [("x", "Xã X", "commune")]
    db.execute("alter table mart_build.dim_area drop column area_name")
    with pytest.raises(PublicationRefusedError, match="area_name"):
        publish(prepared, "n3")
    db.execute("alter table mart_build.dim_area add column area_name bigint")
    with pytest.raises(PublicationRefusedError, match="area_name is text and was built as bigint"):
        publish(prepared, "n3")


def test_a_new_index_and_a_longer_key_reach_a_table_that_is_public(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    publish(prepared, "n1")
    db.execute(
        "alter table mart_build.fct_support add sender_code text not null default 's', drop constraint"
        " fct_support_pkey, add primary key (sender_code, support_id);"
        "insert into mart_build.fct_support (support_id, sender_code) values ('a', 's'), ('a', 't');"
        "insert into staging.stg_support_delivery (row_number) values (1), (2);"
        "create index on mart_build.fct_household_review (area_code, member_count);"
        "update mart_build.fct_household_review set member_count = 0"  # so that its foreign key is to be checked
    )
    db.execute("update staging.stg_household_review set member_count = 0")
    for night in ("n2", "n3"):
        publish(prepared, night)
        assert db.execute("select support_id, sender_code from mart.fct_support order by 2").fetchall() == [
            ("a", "s"),
            ("a", "t"),
        ]
        assert db.execute(
            "select split_part(pg_get_indexdef(indexrelid), ' ON mart.', 2) from pg_index where indrelid"
            " in ('mart.fct_support'::regclass, 'mart.fct_household_review'::regclass) order by 1"
        ).fetchall() == [
            ("fct_household_review USING btree (area_code, member_count)",),
            ("fct_household_review USING btree (household_code)",),
            ("fct_support USING btree (sender_code, support_id)",),
        ]
    db.execute("update mart_build.fct_support set sender_code = 'u' where sender_code = 't'")
    change = publish(prepared, "n4")["fct_support"]
    assert (change.rows_before, change.rows_after, change.rows_removed, change.rows_added) == (2, 2, 1, 1)


def _households(db: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return db.execute("select household_code, member_count from mart.fct_household_review order by 1").fetchall()


def _publications(db: psycopg.Connection[tuple[object, ...]]) -> list[int]:
    """The publications recorded, the first one first."""
    with db.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute("select publication_id from ops.publication order by 1").fetchall()


def _set_members(db: psycopg.Connection[tuple[object, ...]], members: int, households: int = 2) -> None:
    """The build in which every household has so many members."""
    db.execute("truncate mart_build.fct_household_review; truncate staging.stg_household_review")
    for number in range(1, households + 1):
        db.execute("insert into mart_build.fct_household_review values (%s, 'x', %s)", [str(number), members])
        db.execute(
            "insert into staging.stg_household_review (row_number, member_count) values (%s, %s)", [number, members]
        )


def test_an_earlier_publication_comes_back_and_the_next_night_goes_forward(
    db: psycopg.Connection[tuple[object, ...]], prepared: str
) -> None:
    db.execute(
        "drop schema if exists vault, vault_build, vault_history cascade; create schema vault; create schema"
        " vault_build; create schema vault_history;"
        "create table vault_build.vault_person (person_key text primary key, full_name text);"
        "insert into vault_build.vault_person values ('k', 'A')"
    )
    _set_members(db, 1)
    publish(prepared, "n1")
    db.execute("create view mart.v as select sum(member_count) as members from mart.fct_household_review")
    db.execute("grant select on mart.fct_household_review to bi_reader")
    _set_members(db, 2, households=3)
    db.execute("update vault_build.vault_person set full_name = 'B'")
    publish(prepared, "n2")
    _set_members(db, 3, households=1)
    publish(prepared, "n3")
    first, second, third = _publications(db)
    untouched = db.execute("select xmin from mart.dim_area").fetchone()

    with psycopg.connect(prepared) as reader:
        reader.execute("set transaction isolation level repeatable read")
        assert reader.execute("select members from mart.v").fetchone() == (3,)
        back = restore(prepared)  # would hang here if readers were in its way
        assert reader.execute("select members from mart.v").fetchone() == (3,)
    assert back.publication_id == second
    assert _households(db) == [("1", 2), ("2", 2), ("3", 2)]
    assert restore(prepared).publication_id == first, "once more goes one further back"
    assert _households(db) == [("1", 1), ("2", 1)]
    assert db.execute("select full_name from vault.vault_person").fetchone() == ("A",)
    assert db.execute("select members from mart.v").fetchone() == (2,)
    assert db.execute("select has_table_privilege('bi_reader', 'mart.fct_household_review', 'select')").fetchone() == (
        True,
    )
    assert db.execute("select xmin from mart.dim_area").fetchone() == untouched
    assert db.execute("select restores from ops.publication order by publication_id").fetchall()[3:] == [
        (second,),
        (first,),
    ]
    for refused, why in ((first, "is the one that is public"), (third + 99, "there is no publication")):
        with pytest.raises(PublicationRefusedError, match=why):
            restore(prepared, refused)
    with pytest.raises(PublicationRefusedError, match="there is no publication before"):
        restore(prepared)

    restore(prepared, third)  # across what was undone, to a later one
    assert _households(db) == [("1", 3)]
    restore(prepared, first)
    publish(prepared, "n3")  # the night that was undone, again: it is recorded, since it changed something
    assert _households(db) == [("1", 3)]
    assert db.execute(
        "select night_id, restores from ops.publication order by publication_id desc limit 1"
    ).fetchone() == ("n3", None)
    publish(prepared, "n3")
    assert db.execute("select count(*) from ops.publication").fetchone() == (8,)
    db.execute("drop schema vault_build cascade; create schema vault_build")


def test_only_the_very_rows_of_a_publication_come_back(
    db: psycopg.Connection[tuple[object, ...]], prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PublicationRefusedError, match="nothing was published yet"):
        restore(prepared)
    _set_members(db, 1)
    publish(prepared, "n1")
    _set_members(db, 2)
    publish(prepared, "n2")
    db.execute("update mart.fct_household_review set member_count = 7 where household_code = '1'")
    with pytest.raises(PublicationRefusedError, match=r"fct_household_review was changed since.* 1 rows are not as"):
        restore(prepared)
    assert _households(db) == [("1", 7), ("2", 2)]
    db.execute("update mart.fct_household_review set member_count = 2")
    restore(prepared)
    assert _households(db) == [("1", 1), ("2", 1)]
    db.execute("alter table mart_build.dim_area add column level text")
    publish(prepared, "n3")
    with pytest.raises(PublicationRefusedError, match=r"structure of mart\.dim_area changed with publication"):
        restore(prepared)
    db.execute("update mart_build.dim_area set level = 'a'")
    publish(prepared, "n4")
    db.execute("create index on mart.dim_area (level); alter table mart.dim_area add column other text")
    with pytest.raises(PublicationRefusedError, match=r"structure of mart\.dim_area was changed since"):
        restore(prepared)
    db.execute("alter table mart.dim_area drop column other")
    restore(prepared)
    assert db.execute("select level from mart.dim_area").fetchone() == (None,)

    monkeypatch.setenv("CHUNGTAY_PUBLICATIONS_KEPT", "1")
    get_settings.cache_clear()
    publish(prepared, "n5")
    monkeypatch.undo()
    get_settings.cache_clear()
    kept = db.execute("select count(distinct publication_id) from mart_history.dim_area").fetchone()
    assert kept == (1,)
    with pytest.raises(PublicationRefusedError, match="no longer kept"):
        restore(prepared, 1 + _publications(db)[0])


def test_what_changed_is_told_by_table_and_period(db: psycopg.Connection[tuple[object, ...]], prepared: str) -> None:
    db.execute("alter table mart_build.fct_household_review add column review_year integer default 2022")
    publish(prepared, "n1")
    db.execute("update mart_build.fct_household_review set review_year = 2023 where household_code = '2'")
    publish(prepared, "n2")
    assert db.execute(
        "select changes -> 'fct_household_review' -> 'periods', changes -> 'dim_area' -> 'periods' from ops.publication"
        " order by publication_id"
    ).fetchall() == [
        ({"2022": {"rows_removed": 0, "rows_added": 2}}, {}),
        ({"2022": {"rows_removed": 1, "rows_added": 0}, "2023": {"rows_removed": 0, "rows_added": 1}}, {}),
    ]
