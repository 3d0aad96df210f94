"""The gate: Great Expectations judges the reports that newly landed, and every failing row becomes a finding.

The only module that knows Great Expectations. How it is used, and why:

* One checkpoint per data set and run, over a batch pinned to the submissions judged: a temporary table with their rows
  and what the rules need of their submissions. It lives in one database session, which Great Expectations is handed
  instead of an address: nothing of it outlives a kill, and no password reaches a file of Great Expectations.
* Results are boolean, with the query of the failing rows beside each: Great Expectations makes that query from the very
  condition that it judged, and only those of failed expectations run. So every failing row comes back (its own lists
  end at 200 rows and cost two scans per expectation, failed or not), and no stored result or Data Docs page holds a
  value of a report.
* The context is ephemeral over `great_expectations.yml`: a file context would write data sources and checkpoints into
  the checkout. What a run leaves (validation results, Data Docs) lies in the state folder under `gx`.
* Findings, verdicts, superseded revisions and the conservation ledger of a data set are one transaction. A kill leaves
  the reports `received`, and judging them again gives the same.

The gate raises `GateError` rather than pass what it did not judge.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import great_expectations as gx
import psycopg
import sqlalchemy as sa
import yaml
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.data_context.types.base import DataContextConfig
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
from psycopg import sql
from psycopg.rows import class_row, dict_row
from sqlalchemy.dialects.postgresql import ARRAY

from expectations.suites import PROJECT_DIR, SUITES_DIR
from ingestion.contract import Column, Contract, load_contracts
from ingestion.ops import IN_FORCE_STATUSES
from ingestion.period import Period
from ingestion.rule import load_rules

_BATCH = "landed"  # the pinned rows, a temporary table of the judging session
_ROW_KEY = ["submission_id", "sheet_name", "row_number"]
_ROWS_PER_FETCH = 5_000  # bounds the memory, however many rows fail
_HIDDEN = ("(không hiển thị)", "(not shown)")  # messages are read in shared places: no name, no identity number
_FINDING_COLUMNS = (
    *("submission_id", "found_by", "rule", "severity", "sheet_name", "row_number", "column_name", "cell", "value"),
    *("message_vi", "message_en"),
)


class GateError(RuntimeError):
    """The gate could not judge; nothing was decided and the reports stay `received`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one report. `held_row_count` rows have a critical finding; `finding_count` includes reading."""

    submission_id: int
    status_code: str
    row_count: int
    held_row_count: int
    finding_count: int


class ColumnCellsFilled(ColumnMapMetricProvider):  # type: ignore[misc]
    """A cell holds a value, or held something that could not be read: that is another finding."""

    condition_metric_name = "column_values.filled"
    filter_column_isnull = False

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(cls, column: Any, **_: Any) -> Any:  # noqa: N805 - called on the class
        unread_columns = sa.column("unread_columns", ARRAY(sa.Text))
        return sa.or_(column.is_not(None), sa.func.coalesce(sa.literal(column.name) == sa.any_(unread_columns), False))


class ExpectColumnCellsToBeFilled(ExpectColumnValuesToNotBeNull):  # type: ignore[misc]
    """Every cell of a required column was filled by the sender."""

    map_metric = "column_values.filled"


class RowQueryText(QueryMetricProvider):  # type: ignore[misc]
    """The statement of a row rule over the batch, not run: what Great Expectations gives for its own map metrics."""

    metric_name = "unexpected_rows_query.text"
    value_keys = ("unexpected_rows_query",)
    query_param_name = "unexpected_rows_query"

    @metric_value(engine=SqlAlchemyExecutionEngine)  # type: ignore[untyped-decorator]
    def _sqlalchemy(
        cls,  # noqa: N805 - called on the class
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> str:
        batch, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        statement: str = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(
            query=cls._get_query_from_metric_value_kwargs(metric_value_kwargs),
            batch_selectable=batch,
            execution_engine=execution_engine,
        )
        return statement


class ExpectNoRowsFromQuery(UnexpectedRowsExpectation):  # type: ignore[misc]
    """The rule's statement returns no row. It is counted once; its rows are never fetched into the result."""

    metric_dependencies = ("unexpected_rows_query.row_count", "unexpected_rows_query.text")

    def _validate(self, metrics: Mapping[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        return {
            "success": count == 0,
            "result": {"observed_value": count, "unexpected_index_query": metrics["unexpected_rows_query.text"]},
        }


@dataclass(frozen=True, slots=True)
class _Report:
    """A submission as it stands before it is judged."""

    submission_id: int
    dataset: str | None
    status_code: str
    period_code: str
    row_count: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failed expectation, and the query of its rows."""

    rule: str
    severity: str
    column: str | None
    query: str


def pending(url: str) -> dict[str, list[int]]:
    """Reports that await judgement: submission ids by data set, in the order in which they came. `url` is libpq's."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select dataset, array_agg(submission_id order by submission_id) from ops.submission"
            " where status_code = 'received' group by dataset order by dataset"
        ).fetchall()
    return dict(rows)


def judge(dataset: str, submission_ids: Sequence[int], *, url: str, home: Path) -> list[Verdict]:
    """Judge these reports of one data set; returns the verdict on each, by submission id.

    All is decided in one transaction, one judge of a data set at a time. A report that is no longer `received` keeps
    its verdict, so a step that was killed can be run again. `url` is a libpq URL; `home` is the state folder.
    GateError if a report is unknown or of another data set, if there is nothing to judge, if rows are missing, or if
    Great Expectations did not judge every expectation of the suite.
    """
    contract = load_contracts()[dataset]
    with psycopg.connect(url) as ledger, psycopg.connect(url, autocommit=True) as session:
        ledger.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"judge {dataset}"])
        judged = _received(ledger, dataset, submission_ids)
        if judged:
            _pin_batch(session, contract, judged)
            failures = _validate(session, dataset, judged, home)
            ledger.execute(
                "delete from ops.finding where found_by = 'judge' and submission_id = any(%s)", [list(judged)]
            )
            _write_findings(ledger, session, contract, failures)
            _decide(ledger, contract, judged)
        return _verdicts(ledger, submission_ids)


def build_data_docs(home: Path) -> Path:
    """Build the Data Docs of every validation kept in this state folder; returns their first page."""
    _context(home).build_data_docs()
    return _store(home) / "data_docs" / "index.html"


def _received(ledger: psycopg.Connection[Any], dataset: str, submission_ids: Sequence[int]) -> dict[int, _Report]:
    """Those of the reports that await judgement, locked until the transaction ends."""
    if not submission_ids:
        raise GateError(f"{dataset}: no report was given to judge")
    with ledger.cursor(row_factory=class_row(_Report)) as cursor:
        reports = cursor.execute(
            "select submission_id, dataset, status_code, period_code, row_count from ops.submission"
            " where submission_id = any(%s) order by submission_id for update",
            [list(submission_ids)],
        ).fetchall()
    foreign = set(submission_ids) - {report.submission_id for report in reports if report.dataset == dataset}
    if foreign:
        raise GateError(f"{dataset}: no report of this data set: submissions {sorted(foreign)}")
    return {report.submission_id: report for report in reports if report.status_code == "received"}


def _pin_batch(session: psycopg.Connection[Any], contract: Contract, reports: Mapping[int, _Report]) -> None:
    """Copy the rows of these reports, with what the rules need of their submissions, into the session's batch."""
    ids = list(reports)
    starts = [Period.parse(report.period_code).start for report in reports.values()]
    session.execute("set temp_buffers = '128MB'")
    session.execute(
        sql.SQL(
            "create temporary table {batch} as"
            " select r.*, s.sender_code, s.period_code, p.period_start, s.period_end, s.standard_code, u.unread_columns"
            " from {raw} as r"
            " join ops.submission as s on r.submission_id = s.submission_id"
            " join unnest({ids}::bigint[], {starts}::date[]) as p (submission_id, period_start)"
            " on r.submission_id = p.submission_id"
            " left join (select submission_id, sheet_name, row_number, array_agg(column_name) as unread_columns"
            " from raw.unread_cell where submission_id = any({ids}) group by 1, 2, 3) as u"
            " on r.submission_id = u.submission_id and r.sheet_name = u.sheet_name and r.row_number = u.row_number"
        ).format(
            batch=sql.Identifier(_BATCH),
            raw=sql.Identifier("raw", contract.dataset),
            ids=sql.Literal(ids),
            starts=sql.Literal(starts),
        )
    )
    loaded = dict(
        session.execute(
            sql.SQL("select submission_id, count(*) from {} group by submission_id").format(sql.Identifier(_BATCH))
        ).fetchall()
    )
    lost = [
        f"submission {report.submission_id}: {report.row_count} rows in the file, {loaded.get(report.submission_id, 0)}"
        f" in raw.{contract.dataset}"
        for report in reports.values()
        if report.row_count == 0 or loaded.get(report.submission_id, 0) != report.row_count
    ]
    if lost:
        raise GateError("rows are missing, nothing was judged: " + "; ".join(lost))


def _validate(
    session: psycopg.Connection[Any], dataset: str, reports: Mapping[int, _Report], home: Path
) -> list[_Failure]:
    """Run the checkpoint of the data set over the batch; returns what failed. The result is kept for the Data Docs."""
    context = _context(home)
    try:
        suite = context.suites.get(dataset)
    except gx.exceptions.DataContextError as error:
        raise GateError(f"{dataset}: no suite") from error
    expected = {expectation.id for expectation in suite.expectations}
    if not expected:
        raise GateError(f"{dataset}: the suite is empty")
    source = context.data_sources.add_postgres(
        "warehouse",
        # The address is required but never used: the session is given.
        connection_string="postgresql+psycopg://gate@session/warehouse",
        kwargs={"creator": lambda: session, "poolclass": sa.StaticPool},
    )
    batch = source.add_table_asset(dataset, table_name=_BATCH).add_batch_definition_whole_table("newly landed")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=dataset, data=batch, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=dataset,
            validation_definitions=[definition],
            result_format={
                "result_format": "BOOLEAN_ONLY",
                "unexpected_index_column_names": _ROW_KEY,
                "return_unexpected_index_query": True,
            },
        )
    )
    run = checkpoint.run(run_id=gx.RunIdentifier(run_name=f"submissions {min(reports)}-{max(reports)}"))
    (result,) = run.run_results.values()
    return list(_failures(dataset, expected, result.results))


def _failures(dataset: str, expected: set[str], results: Sequence[Any]) -> Iterator[_Failure]:
    """The failed expectations of a validation. GateError if one threw, or if they are not those of the suite."""
    judged = {result.expectation_config.id for result in results}
    for result in results:
        thrown = _thrown(result.exception_info)
        if thrown:
            raise GateError(f"{dataset}: {_name(result)} could not be judged: {thrown}")
    if judged != expected or len(results) != len(expected):
        raise GateError(f"{dataset}: {len(results)} results for {len(expected)} expectations of the suite")
    for result in results:
        if result.success:
            continue
        query = result.result.get("unexpected_index_query")
        if not query:
            raise GateError(f"{dataset}: {_name(result)} failed without telling its rows")
        config = result.expectation_config
        yield _Failure(
            rule=config.meta["rule"],
            severity=config.severity.value,
            column=config.meta["column"],
            query=query.rstrip().removesuffix(";"),
        )


def _thrown(exception_info: Mapping[str, Any]) -> str:
    """The messages of what an expectation threw, '' if nothing: one entry, or one per metric that failed."""
    entries = [exception_info] if "raised_exception" in exception_info else list(exception_info.values())
    return "; ".join(str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception"))


def _name(result: Any) -> str:
    """The expectation of a result, for people: rule and column."""
    meta = result.expectation_config.meta
    return " of ".join(filter(None, [meta["rule"], meta["column"]]))


def _write_findings(
    ledger: psycopg.Connection[Any],
    session: psycopg.Connection[Any],
    contract: Contract,
    failures: Sequence[_Failure],
) -> None:
    """One finding per failing cell, streamed from the batch into the ledger."""
    letters = {
        (submission_id, sheet_name, column_name): letter
        for submission_id, sheet_name, column_name, letter in session.execute(
            sql.SQL(
                "select submission_id, sheet_name, column_name, column_letter from raw.column_position"
                " where submission_id in (select submission_id from {})"
            ).format(sql.Identifier(_BATCH))
        )
    }
    statement = sql.SQL("copy ops.finding ({}) from stdin").format(
        sql.SQL(", ").join(map(sql.Identifier, _FINDING_COLUMNS))
    )
    with ledger.cursor() as cursor, cursor.copy(statement) as copy:
        for failure in failures:
            with session.transaction(), session.cursor(name="failing_rows", row_factory=dict_row) as rows:
                rows.itersize = _ROWS_PER_FETCH
                try:
                    rows.execute(failure.query.encode())
                except psycopg.Error as error:
                    raise GateError(f"{contract.dataset}: the rows of {failure.rule} could not be read") from error
                for row in rows:
                    copy.write_row(_finding(contract, failure, row, letters))


def _finding(
    contract: Contract, failure: _Failure, row: dict[str, Any], letters: Mapping[tuple[int, str, str], str]
) -> tuple[object, ...]:
    """The finding of one failing row, in the order of `_FINDING_COLUMNS`."""
    rule = load_rules()[row.get("rule") or failure.rule]
    column_name = failure.column or row["column_name"]
    column = contract.column(column_name)
    cell = row.get("cell")
    letter = letters.get((row["submission_id"], row["sheet_name"], column_name))
    if cell is None and letter is not None:
        cell = f"{letter}{row['row_number']}"
    value = row[column_name] if failure.column else row["value"]
    expected = (row["expected_vi"], row["expected_en"]) if "expected_vi" in row else column.expected
    fields = {"expected": expected} | row | {"value": value, "column": column.heading}
    for name in row:
        if name.endswith("_column"):
            fields[name.removesuffix("_column")] = contract.column(row[name]).heading
    if column.personal:
        fields["value"] = _HIDDEN
    known = {candidate.name: candidate for candidate in contract.columns}
    message_vi, message_en = rule.message(
        **{name: _shown(fields[name], known.get(name, column)) for name in rule.placeholders}
    )
    return (
        row["submission_id"],
        "judge",
        rule.id,
        failure.severity,
        row["sheet_name"],
        row["row_number"],
        column_name,
        cell,
        _as_sent(value, column),
        message_vi,
        message_en,
    )


def _decide(ledger: psycopg.Connection[Any], contract: Contract, reports: Mapping[int, _Report]) -> None:
    """Accept or reject each report, close its books, and let the latest accepted revision count."""
    ids = list(reports)
    limit = load_rules()["too_many_held"]
    if limit.threshold is None:
        raise GateError("rule too_many_held has no threshold")
    held = dict(
        ledger.execute(
            "select submission_id, count(*) from ops.held_row where submission_id = any(%s) group by submission_id",
            [ids],
        ).fetchall()
    )
    found = {
        submission_id
        for (submission_id,) in ledger.execute(
            "select distinct submission_id from ops.finding where submission_id = any(%s)", [ids]
        )
    }
    for report in reports.values():
        held_rows = held.get(report.submission_id, 0)
        rejected = held_rows > limit.threshold * report.row_count
        if rejected:
            _reject(ledger, report, held_rows)
        status_code = (
            "rejected" if rejected else "accepted_with_findings" if report.submission_id in found else "accepted"
        )
        ledger.execute(
            "update ops.submission set status_code = %s, held_row_count = %s, judged_at = now()"
            " where submission_id = %s",
            [status_code, held_rows, report.submission_id],
        )
        ledger.execute(
            "insert into ops.conservation (submission_id, rows_in_file, rows_loaded, rows_held) values (%s, %s, %s, %s)"
            " on conflict (submission_id) do update set rows_in_file = excluded.rows_in_file,"
            " rows_loaded = excluded.rows_loaded, rows_held = excluded.rows_held",
            [report.submission_id, report.row_count, report.row_count, report.row_count if rejected else held_rows],
        )
    # A report judged late may already have a later revision in force: the highest accepted revision counts.
    ledger.execute(
        "update ops.submission as earlier set status_code = 'superseded'"
        " from ops.submission as later"
        " where earlier.dataset = %(dataset)s and later.dataset = %(dataset)s"
        " and earlier.status_code = any(%(in_force)s) and later.status_code = any(%(in_force)s)"
        " and earlier.sender_code = later.sender_code and earlier.period_code = later.period_code"
        " and earlier.standard_code = later.standard_code and earlier.revision < later.revision",
        {"dataset": contract.dataset, "in_force": list(IN_FORCE_STATUSES)},
    )


def _reject(ledger: psycopg.Connection[Any], report: _Report, held_rows: int) -> None:
    """Say that the report is refused because too many of its rows are held."""
    rule = load_rules()["too_many_held"]
    fields = {
        "held": held_rows,
        "total": report.row_count,
        "limit": f"{(rule.threshold or Decimal(0)) * 100:.0f}",
    }
    message_vi, message_en = rule.message(**fields)
    ledger.execute(
        "insert into ops.finding (submission_id, found_by, rule, severity, message_vi, message_en)"
        " values (%s, 'judge', %s, %s, %s, %s)",
        [report.submission_id, rule.id, rule.severity, message_vi, message_en],
    )


def _verdicts(ledger: psycopg.Connection[Any], submission_ids: Sequence[int]) -> list[Verdict]:
    with ledger.cursor(row_factory=class_row(Verdict)) as cursor:
        return cursor.execute(
            "select submission_id, status_code, row_count, held_row_count,"
            " (select count(*) from ops.finding as f where f.submission_id = s.submission_id) as finding_count"
            " from ops.submission as s where submission_id = any(%s) order by submission_id",
            [list(submission_ids)],
        ).fetchall()


def _shown(value: object, column: Column) -> object:
    """A value as a message shows it: codes by their names, lists as senders write them; the rule knows the rest."""
    if isinstance(value, list):
        return "; ".join(str(_shown(item, column)) for item in value)
    return column.codes.labels.get(value, value) if column.codes and isinstance(value, str) else value


def _as_sent(value: object, column: Column) -> str | None:
    """A typed value as text, as a sender would write it: a date by day first, money in full; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "x" if value else ""
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return f"{value:f}" if isinstance(value, Decimal) else str(_shown(value, column))


def _store(home: Path) -> Path:
    return home.absolute() / "gx"


def _context(home: Path) -> Any:
    """A context over the committed project that keeps validation results and Data Docs in this state folder."""
    config = yaml.safe_load((PROJECT_DIR / "great_expectations.yml").read_text(encoding="utf-8"))
    config["stores"]["expectations_store"]["store_backend"]["base_directory"] = str(SUITES_DIR)
    return gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(**config),
        runtime_environment={"CHUNGTAY_GX_STORE": str(_store(home))},
    )
