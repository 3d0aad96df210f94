"""The gate: Great Expectations judges the reports that newly landed, and every failing row becomes a finding.

The only module that knows Great Expectations. How it is used, and why:

* One checkpoint per data set and run, over a batch pinned to the submissions judged: a temporary view of their rows in
  `raw`, which never change, and of what the rules need of their submissions. It lives in one database session, which
  Great Expectations is handed instead of an address: nothing of it outlives a kill, no password reaches a file of Great
  Expectations, nothing is copied, and scans may run in parallel (a temporary table took a third longer).
* Results are boolean, with the query of the failing rows beside each: Great Expectations makes that query from the very
  condition that it judged, and only those of failed expectations run. So every failing row comes back (its own lists
  end at 200 rows and cost two scans per expectation, failed or not), and no stored result or Data Docs page holds a
  value of a report.
* The context is ephemeral over `great_expectations.yml`: a file context would write data sources and checkpoints into
  the checkout. What a run leaves (validation results, Data Docs) lies in the state folder under `gx`.
* Findings, verdicts, superseded revisions, the conservation ledger of a data set, and the marks on what is to be judged
  again since it was compared with something else, are one transaction. A kill leaves the reports to be judged, and
  judging them again gives the same.

The gate raises `GateError` rather than pass what it did not judge.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from psycopg.rows import class_row
from sqlalchemy.dialects.postgresql import ARRAY

from expectations import misnamed
from expectations.findings import Failure, write_findings
from expectations.suites import PROJECT_DIR, SUITES_DIR
from expectations.verdict import Verdict, decide, standing, verdicts
from ingestion.contract import Contract, load_contracts
from ingestion.period import Period
from ingestion.rule import in_order_of_judging

_BATCH = "landed"  # the temporary view of the rows to judge
_ONE_CONTEXT = threading.Lock()  # Great Expectations keeps one project per process
_VALIDATIONS_KEPT = 10  # per data set
_AWAITING = "(status_code = 'received' or (judge_again and status_code not in ('superseded', 'duplicate')))"
_ROW_KEY = ["submission_id", "sheet_name", "row_number"]


class GateError(RuntimeError):
    """The gate could not judge; nothing was decided and the reports stay `received`."""


class _LentSession(sa.StaticPool):
    """The one session that Great Expectations is lent.

    It disposes of the engines that it makes when the garbage collector finds them, be it in the midst of a judgement.
    """

    def dispose(self) -> None:
        """Nothing is closed: the session is its owner's."""


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
    is_awaiting: bool
    period_code: str
    layout: str
    row_count: int


def pending(url: str) -> dict[str, list[int]]:
    """Reports that await judgement, for the first time or again: submission ids by data set, oldest first.

    The data sets stand in the order in which they are best judged. `url` is libpq's.
    """
    with psycopg.connect(url) as connection:
        return _pending(connection)


def _pending(connection: psycopg.Connection[Any], submission_ids: Sequence[int] | None = None) -> dict[str, list[int]]:
    """As `pending`; of these reports only, if they are named."""
    rows = connection.execute(
        "select dataset, array_agg(submission_id order by submission_id) from ops.submission"  # noqa: S608 - constant
        f" where dataset is not null and {_AWAITING} and (%(ids)s::bigint[] is null or submission_id = any(%(ids)s))"
        " group by dataset",
        {"ids": None if submission_ids is None else list(submission_ids)},
    ).fetchall()
    awaiting: dict[str, list[int]] = dict(rows)
    return {dataset: awaiting[dataset] for dataset in in_order_of_judging(awaiting)}


def judge(dataset: str, submission_ids: Sequence[int], *, url: str, home: Path) -> list[Verdict]:
    """Judge these reports of one data set; returns the verdict on each, by submission id.

    All is decided in one transaction, one judge at a time, for what one decides another compares with. A report that
    does not await judgement keeps its verdict, so a step that was killed can be run again. `url` is a libpq URL; `home`
    is the state folder. GateError if a report is unknown or of another data set, if there is nothing to judge, if rows
    are missing, or if Great Expectations did not judge every expectation of the suite.
    """
    with psycopg.connect(url) as ledger, psycopg.connect(url, autocommit=True) as session:
        # Rows that came a moment ago have no statistics yet, and without them a comparison may take minutes.
        tables = [sql.Identifier("ops", "submission"), sql.Identifier("ops", "finding")]
        tables += [sql.Identifier("raw", "unread_cell"), sql.Identifier("raw", dataset)]
        session.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(tables)))
        return _judge(ledger, session, dataset, submission_ids, home)


def judge_within(session: psycopg.Connection[Any], submission_ids: Sequence[int], *, home: Path) -> None:
    """Judge these reports, of whatever data sets, in the open transaction of `session`, until none awaits judgement.

    Everything is as in `judge`, but it stays with the caller whether it is ever committed: so a file is tried.
    """
    while awaiting := _pending(session, submission_ids):
        for dataset, ids in awaiting.items():
            _judge(session, session, dataset, ids, home)
            session.execute(sql.SQL("drop view if exists {}").format(sql.Identifier("pg_temp", _BATCH)))
            session.execute(sql.SQL("drop table if exists {}").format(sql.Identifier("pg_temp", misnamed.TABLE)))


def _judge(
    ledger: psycopg.Connection[Any],
    session: psycopg.Connection[Any],
    dataset: str,
    submission_ids: Sequence[int],
    home: Path,
) -> list[Verdict]:
    """Judge over `session` what is decided in the transaction of `ledger`."""
    contract = load_contracts()[dataset]
    ledger.execute("select pg_advisory_xact_lock(hashtextextended('judge', 0))")
    judged = _awaiting(ledger, dataset, submission_ids)
    if judged:
        _pin_batch(session, contract, judged)
        if misnamed.RULE in contract.rules:
            misnamed.note_misnamed_communes(session, _BATCH)
        with _ONE_CONTEXT:
            failures = _validate(session, dataset, judged, home)
        before = standing(ledger, list(judged))
        try:
            write_findings(ledger, session, contract, list(judged), failures)
        except (psycopg.Error, LookupError) as error:
            raise GateError(f"{dataset}: the failing rows could not be told: {type(error).__name__}") from error
        decide(ledger, dataset, {report.submission_id: report.row_count for report in judged.values()}, before)
    return verdicts(ledger, submission_ids)


def build_data_docs(home: Path) -> Path:
    """Build the Data Docs of the last validations of each data set in this state folder; returns their first page.

    Older validations are removed, for building costs by page; `ops.finding` keeps what they found.
    """
    context = _context(home)
    store = context.validation_results_store
    latest: dict[str, list[Any]] = {}
    for key in sorted(store.list_keys(), key=lambda key: key.run_id.run_time, reverse=True):
        latest.setdefault(key.expectation_suite_identifier.name, []).append(key)
    outdated = [key for keys in latest.values() for key in keys[_VALIDATIONS_KEPT:]]
    for key in outdated:
        store.remove_key(key)
    if outdated:
        context.clean_data_docs()
    context.build_data_docs()
    return _store(home) / "data_docs" / "index.html"


def _awaiting(ledger: psycopg.Connection[Any], dataset: str, submission_ids: Sequence[int]) -> dict[int, _Report]:
    """Those of the reports that await judgement, locked until the transaction ends."""
    if not submission_ids:
        raise GateError(f"{dataset}: no report was given to judge")
    with ledger.cursor(row_factory=class_row(_Report)) as cursor:
        reports = cursor.execute(
            f"select submission_id, dataset, {_AWAITING} as is_awaiting, period_code, layout, row_count"  # noqa: S608 - a constant
            " from ops.submission where submission_id = any(%s) order by submission_id for update",
            [list(submission_ids)],
        ).fetchall()
    foreign = set(submission_ids) - {report.submission_id for report in reports if report.dataset == dataset}
    if foreign:
        raise GateError(f"{dataset}: no report of this data set: submissions {sorted(foreign)}")
    return {report.submission_id: report for report in reports if report.is_awaiting}


def _pin_batch(session: psycopg.Connection[Any], contract: Contract, reports: Mapping[int, _Report]) -> None:
    """Define the batch: the rows of these reports with what rules need of their submissions; all rows must be there."""
    ids = list(reports)
    pinned = [
        (report.submission_id, Period.parse(report.period_code).start, _lacking(contract, report.layout))
        for report in reports.values()
    ]
    session.execute(
        sql.SQL(
            "create temporary view {batch} as"
            " select r.*, s.sender_code, s.period_code, p.period_start, s.period_end, s.standard_code,"
            " u.unread_columns || p.lacking_columns as unread_columns"
            " from {raw} as r"
            " join ops.submission as s on r.submission_id = s.submission_id"
            " join (values {pinned}) as p (submission_id, period_start, lacking_columns)"
            " on r.submission_id = p.submission_id"
            " left join (select submission_id, sheet_name, row_number, array_agg(column_name) as unread_columns"
            " from raw.unread_cell where submission_id = any({ids}) group by 1, 2, 3) as u"
            " on r.submission_id = u.submission_id and r.sheet_name = u.sheet_name and r.row_number = u.row_number"
            " where r.submission_id = any({ids})"
        ).format(
            batch=sql.Identifier(_BATCH),
            raw=sql.Identifier("raw", contract.dataset),
            ids=sql.Literal(ids),
            pinned=sql.SQL(", ").join(
                sql.SQL("({}::bigint, {}::date, {}::text[])").format(*map(sql.Literal, values)) for values in pinned
            ),
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


def _lacking(contract: Contract, layout: str) -> list[str] | None:
    """Columns that a report in this layout does not have; None if it has all."""
    try:
        has = contract.layout_columns(layout)
    except KeyError:
        raise GateError(f"{contract.dataset}: the contract knows no layout {layout!r}") from None
    return [column.name for column in contract.columns if column.name not in has] or None


def _validate(
    session: psycopg.Connection[Any], dataset: str, reports: Mapping[int, _Report], home: Path
) -> list[Failure]:
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
        kwargs={"creator": lambda: session, "poolclass": _LentSession},
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


def _failures(dataset: str, expected: set[str], results: Sequence[Any]) -> Iterator[Failure]:
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
        yield Failure(
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
