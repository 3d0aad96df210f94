"""The command `chungtay`. Commands import what they need when they run, so that the light ones are quick."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.settings import get_settings

if TYPE_CHECKING:
    import sqlalchemy as sa
    from rich.console import Console

    from ingestion.check import Checked
    from ingestion.night import Night, Task

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

AsJson = Annotated[bool, typer.Option("--json", help="An array of objects, whose keys are the columns of the tables.")]
Sender = Annotated[str | None, typer.Option(help="Only this sender, e.g. huyen-213.")]
Period = Annotated[str | None, typer.Option(help="Only this period, e.g. 2022, 2022-S1 or 2022-Q3.")]
Dataset = Annotated[str | None, typer.Option(help="Only this data set, e.g. household_review.")]
_MESSAGE = 500  # most characters of an error on the screen; the log has the rest
Limit = Annotated[int, typer.Option(help="Most lines shown on the screen; --json gives all.", min=1)]


def app() -> None:
    """Entry point: what an operator can do something about is one line on stderr and exit code 1."""
    from ingestion.local.airflow import AirflowError
    from ingestion.local.airflow_client import AirflowApiError
    from ingestion.local.postgres import ServerError

    try:
        cli()
    except (ServerError, AirflowError, AirflowApiError, CommandError) as error:
        typer.echo(f"chungtay: {error}", err=True)
        sys.exit(1)


class CommandError(Exception):
    """The command cannot do what was asked; the message says why."""


# -- the stack --


@cli.command()
def up() -> None:
    """Start the local stack, PostgreSQL and Airflow, and wait until it is ready."""
    from ingestion.local.airflow import ADMIN, Airflow

    airflow = Airflow(get_settings())
    airflow.up(lambda message: typer.echo(f"{message} …"))
    typer.echo(f"Airflow    {airflow.url}   user {ADMIN}, password {airflow.password}")
    typer.echo(f"Warehouse  {_url()}")


@cli.command()
def down(
    delete_home: Annotated[
        bool, typer.Option("--delete-home", help="Then delete the home: archive, warehouse, everything.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before deleting.")] = False,
) -> None:
    """Stop what this home started, and nothing else."""
    from ingestion.local.airflow import Airflow

    settings = get_settings()
    if delete_home and not yes:
        typer.confirm(f"Delete {settings.home} with everything that was received?", abort=True)
    airflow = Airflow(settings)
    stopped = airflow.down()
    typer.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    if delete_home and settings.home.exists():
        airflow.server.destroy()
        shutil.rmtree(settings.home)
        typer.echo(f"deleted {settings.home}")


@cli.command()
def url() -> None:
    """Print the warehouse's address as a libpq URL."""
    typer.echo(_url())


@cli.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one object.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write it as one page to this file.")] = None,
) -> None:
    """One screen: did it publish, who is late, what is held, what moved unusually, what is due soon, what runs.

    Exit code 0: the warehouse answers, and the last night, if any, was published or still runs; else 1.
    """
    from ingestion.status.glance import glance

    seen = glance(get_settings())
    if html is not None:
        from ingestion.status.page import page

        html.write_text(page(seen), encoding="utf-8")
        typer.echo(str(html.absolute()))
    elif as_json:
        from dataclasses import asdict

        _print_json(asdict(seen) | {"is_well": seen.is_well})
    else:
        from ingestion.status.screen import show

        show(_console(), seen)
    if not seen.is_well:
        raise typer.Exit(1)


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own see it, too.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8088,
) -> None:
    """Serve the status, to look at only: the page at /, the same as /status.json, and /metrics for Prometheus."""
    from ingestion.status.server import serve as run

    run(get_settings(), host, port)


# -- the work --


@cli.command()
def night(
    inbox: Annotated[
        Path | None, typer.Option(help="Read this folder, <sender>/<period>/<file>, instead of the home's inbox.")
    ] = None,
) -> None:
    """Run one whole night now, from receiving to publishing; exit code 0 only if all of it was published."""
    from ingestion.night import NightError, run_night

    if inbox is not None and not inbox.is_dir():
        raise CommandError(f"--inbox {inbox} is not a folder")
    console = _console()
    with _Progress(console) as progress:
        try:
            done = run_night(get_settings(), _url(), inbox, progress.watch, progress.say)
        except NightError as error:
            raise CommandError(str(error)) from error
    _print_night(console, done)
    if not done.published or done.failures:
        raise typer.Exit(1)


@cli.command()
def rejudge(
    from_period: Annotated[
        str | None, typer.Option("--from", help="Only periods that end in this one or later, e.g. 2022-Q1.")
    ] = None,
    to_period: Annotated[
        str | None, typer.Option("--to", help="Only periods that end in this one or before, e.g. 2023.")
    ] = None,
    dataset: Dataset = None,
    sender: Sender = None,
) -> None:
    """Judge reports again by the rules of now, then answer, build and publish; nobody sends anything again."""
    from ingestion.night import NightError
    from ingestion.night import rejudge as run_rejudge

    scope = {"from_period": from_period, "to_period": to_period, "dataset": dataset, "sender": sender}
    console = _console()
    with _Progress(console) as progress:
        try:
            done = run_rejudge(get_settings(), _url(), scope, progress.watch, progress.say)
        except NightError as error:
            raise CommandError(str(error)) from error
    _print_night(console, done)
    if not done.published or done.failures:
        raise typer.Exit(1)


@cli.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="Look once, for cron: exit code 1 if something rings.")] = False,
) -> None:
    """Ring when no night was published in time, scheduler or warehouse is dead, a night hangs, an alert is lost."""
    import time

    from ingestion.local.postgres import locked
    from ingestion.notify import channels, runbook_page
    from ingestion.watch import lock_of, look

    settings = get_settings()
    if not channels(settings):
        typer.echo("chưa đặt kênh nhận tin / no channel is set: nobody is told but by this command", err=True)
    try:
        with locked(lock_of(settings), wait=False):
            while True:
                seen = look(settings)
                for alarm in seen.ringing if once else seen.begun:
                    page = runbook_page(alarm.kind, settings)
                    typer.echo(f"{alarm.kind}: {alarm.text_vi} / {alarm.text_en} {page}")
                for kind in seen.over:
                    typer.echo(f"{kind}: đã hết / over")
                for why in seen.unsent:
                    typer.echo(f"chưa gửi được / not sent: {why}", err=True)
                if once:
                    raise typer.Exit(0 if seen.is_quiet else 1)
                time.sleep(settings.watch_seconds)
    except BlockingIOError:
        raise CommandError(f"another watcher runs on {settings.home}") from None


@cli.command()
def load(
    paths: Annotated[list[Path], typer.Argument(help="Inbox folders, or files at <sender>/<period>/<file>.")],
    sender: Annotated[str | None, typer.Option(help="Sender of the files, instead of their folder's name.")] = None,
    period: Annotated[str | None, typer.Option(help="Period of the files, instead of their folder's name.")] = None,
) -> None:
    """Receive, judge and answer now, in this process, without building or publishing."""
    from datetime import UTC, datetime

    from ingestion import pipeline
    from ingestion.receive import IncomingFile, Receipt, incoming_files, known_senders
    from ingestion.warehouse import create_engine

    files: list[IncomingFile] = []
    for path in map(Path.absolute, paths):
        if path.is_dir():
            files += incoming_files(path)
        elif path.is_file():
            files.append(IncomingFile(path, sender or path.parent.parent.name, period or path.parent.name, path.name))
        else:
            raise CommandError(f"{path} does not exist")

    def tell(file: IncomingFile, receipt: Receipt) -> None:
        place = f"{file.sender_code}/{file.period_code}/{file.file_name}"
        typer.echo(f"{place}: {receipt.dataset or 'no report'} {receipt.status_code}, {receipt.row_count} rows")

    night_id = f"load-{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    pipeline.load_reference_lists(night_id)
    engine = create_engine(_url())
    senders = known_senders(files, engine)
    engine.dispose()
    try:
        pipeline.receive_files(files, night_id, "load", senders, tell)
    except pipeline.ReceiveError as error:
        raise CommandError(f"not received: {error}") from error
    for dataset, rounds in pipeline.judge_pending(night_id).items():
        for counts in rounds:
            typer.echo(f"judged {dataset}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    typer.echo(f"answered: {pipeline.answer(night_id)['answers']} files, in {get_settings().outbox_dir}")
    if not files:
        typer.echo("no files")


@cli.command()
def check(
    path: Annotated[Path, typer.Argument(help="The file: a report, or an archive of reports.")],
    sender: Annotated[str | None, typer.Option(help="Who will send it, instead of the folder's folder.")] = None,
    period: Annotated[str | None, typer.Option(help="For which period, instead of the folder's name.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the marked workbook is written, instead of <name>.checked.xlsx.")
    ] = None,
    as_json: AsJson = False,
    limit: Limit = 200,
) -> None:
    """Say what would become of a file, without loading it; exit code 0 accepted, 1 rejected, 2 cannot check."""
    import psycopg
    import sqlalchemy as sa

    from ingestion.answering.content import sentence
    from ingestion.check import CheckError, check_file
    from ingestion.local.postgres import ServerError

    path = path.absolute()
    try:
        checked = check_file(
            path, sender or path.parent.parent.name, period or path.parent.name, url=_url(), settings=get_settings(),
            out=out,
        )  # fmt: skip
    except (CheckError, ServerError, OSError, psycopg.Error, sa.exc.SQLAlchemyError) as error:
        typer.echo(f"chungtay: cannot check: {next(iter(str(error).splitlines()), '')}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        _print_json([_checked_as_json(each) for each in checked])
    else:
        console = _console()
        for each in checked:
            for line in sentence(each.content):
                console.print(line, markup=False)
            findings = [
                {
                    "severity": point.severity, "rule": point.rule_id, "sheet": point.sheet_name, "cell": point.cell,
                    "column": point.heading, "value": point.sent, "message": point.message_vi,
                }
                for point in each.content.points
            ]  # fmt: skip
            _print_table(console, "Findings", findings, limit)
            console.print(f"Marked workbook: {each.path}", markup=False)
    if not all(each.is_accepted for each in checked):
        raise typer.Exit(1)


def _checked_as_json(checked: "Checked") -> dict[str, Any]:
    from dataclasses import asdict

    from ingestion.answering.content import sentence

    content = checked.content
    vietnamese, english = sentence(content)
    return {
        "file_name": content.file_name,
        "sender_code": content.sender_code,
        "period_code": content.period_code,
        "verdict_code": content.verdict,
        "sentence_vi": vietnamese,
        "sentence_en": english,
        "answer": str(checked.path),
        "reports": [asdict(report) for report in content.reports],
        "findings": [
            {
                "rule": point.rule_id,
                "severity": point.severity,
                "sheet_name": point.sheet_name,
                "row_number": point.row_number,
                "cell": point.cell,
                "heading": point.heading,
                "value": point.sent,
                "message_vi": point.message_vi,
                "message_en": point.message_en,
                "action_vi": point.action_vi,
            }
            for point in content.points
        ],
    }


@cli.command()
def submissions(
    sender: Sender = None,
    period: Period = None,
    dataset: Dataset = None,
    status: Annotated[str | None, typer.Option(help="Only this status, e.g. rejected.")] = None,
    as_json: AsJson = False,
    limit: Limit = 200,
) -> None:
    """What came: every report, with what became of it."""
    import sqlalchemy as sa

    from ingestion.ops import Submission

    rows = _query(
        sa.select(*Submission.__table__.columns)
        .where(*_filters(sender, period, dataset), *([] if status is None else [Submission.status_code == status]))
        .order_by(Submission.submission_id)
    )
    if as_json:
        _print_json(rows)
        return
    shown = (
        "submission_id", "sender_code", "dataset", "period_code", "revision", "status_code", "row_count",
        "held_row_count", "file_name",
    )  # fmt: skip
    _print_table(_console(), "Submissions", [{name: row[name] for name in shown} for row in rows], limit)


@cli.command()
def findings(
    sender: Sender = None,
    period: Period = None,
    dataset: Dataset = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule, e.g. HR-01 or unknown_code.")] = None,
    as_json: AsJson = False,
    limit: Limit = 200,
) -> None:
    """What was found: every defect, with its file, sheet, cell, value and reason."""
    import sqlalchemy as sa

    from ingestion.ops import Finding, Submission

    place = [Submission.sender_code, Submission.dataset, Submission.period_code, Submission.file_name]
    rows = _query(
        sa.select(*Finding.__table__.columns, *place)
        .join(Submission, Submission.submission_id == Finding.submission_id)
        .where(*_filters(sender, period, dataset), *([] if rule is None else [Finding.rule == rule]))
        .order_by(Finding.submission_id, Finding.sheet_name, Finding.row_number, Finding.finding_id)
    )
    if as_json:
        _print_json(rows)
        return
    shown = ("sender_code", "period_code", "file_name", "sheet_name", "cell", "rule", "severity", "value", "message_vi")
    _print_table(_console(), "Findings", [{name: row[name] for name in shown} for row in rows], limit)


@cli.command()
def overdue(
    as_of: Annotated[str | None, typer.Option(help="As of this day (YYYY-MM-DD) instead of today.")] = None,
    sender: Sender = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
    limit: Limit = 200,
) -> None:
    """What is missing: expected reports past their due day that have not come, or were refused."""
    from datetime import date

    from ingestion.overdue import NothingReceivedError, overdue_reports

    try:
        day = date.fromisoformat(as_of) if as_of else None
    except ValueError:
        raise CommandError(f"--as-of {as_of} is not a day; expected like 2023-01-31") from None
    try:
        rows = overdue_reports(_url(), as_of=day, sender=sender, dataset=dataset)
    except NothingReceivedError as nothing:
        typer.echo("[]" if as_json else f"Overdue: none; {nothing}")
        return
    if as_json:
        _print_json(rows)
        return
    shown = ("sender_code", "sender_name", "dataset", "period_code", "standard_code", "status_code", "due_on")
    _print_table(_console(), "Overdue", [{name: row[name] for name in (*shown, "days_overdue")} for row in rows], limit)


@cli.command()
def template(
    dataset: Annotated[str, typer.Argument(help="Data set, e.g. household_review.")],
    sender: Annotated[str, typer.Option(help="Who will send it, e.g. huyen-213.")],
    period: Annotated[str, typer.Option(help="For which period, e.g. 2022, 2022-S1 or 2022-Q3.")],
    out: Annotated[
        Path | None, typer.Option(help="The new file; <data set>-<sender>-<period>.xlsx when not set.")
    ] = None,
) -> None:
    """Write a blank workbook for a sender, with code lists to choose from, filled in where we know."""
    from ingestion.template import TemplateError, make_template

    settings = get_settings()
    path = (out or Path(f"{dataset}-{sender}-{period}.xlsx")).absolute()
    # A sender who has no warehouse gets a blank form; none is made for that.
    has_warehouse = settings.warehouse_url or (settings.home / "postgres").exists()
    try:
        known = make_template(dataset, sender, period, path, settings, _url() if has_warehouse else None)
    except TemplateError as error:
        raise CommandError(str(error)) from None
    typer.echo(f"{path}: {known} rows filled in" if known else str(path))


@cli.command()
def forms(
    period: Annotated[str, typer.Argument(help="The year, e.g. 2023.")],
    out: Annotated[Path | None, typer.Option(help="The folder; forms-<period> when not set.")] = None,
    standard: Annotated[str | None, typer.Option(help="Only this poverty standard, e.g. 2021-2025.")] = None,
    form: Annotated[list[int] | None, typer.Option(help="Only this form, 1 to 13; may be given several times.")] = None,
    place: Annotated[str | None, typer.Option(help="Only this province, district or commune, by its code.")] = None,
) -> None:
    """Write the official forms of a year, as published, in the ministry's layout."""
    from ingestion.forms import FormsError, write_forms
    from ingestion.place import names_of

    try:
        written = write_forms(
            _url(), period, (out or Path(f"forms-{period}")).absolute(), standard_code=standard, numbers=form or (),
            place_code=place,
        )  # fmt: skip
    except FormsError as error:
        raise CommandError(str(error)) from error
    for each in written:
        for path in each.paths:
            typer.echo(str(path))
        what = f"{each.place.name}, {period}, {each.standard_code}"
        if each.missing:
            count = each.commune_count + len(each.missing)
            typer.echo(
                f"{what}: chỉ có danh sách hộ của {each.commune_count}/{count} xã, chưa có / household lists of"
                f" {each.commune_count} of {count} communes, missing: {names_of(each.missing)}",
                err=True,
            )
        if each.left_out:
            numbers = ", ".join(map(str, each.left_out))
            typer.echo(f"{what}: chuẩn nghèo không có biểu / the standard has no form {numbers}", err=True)


@cli.command()
def publications(limit: Limit = 20, as_json: AsJson = False) -> None:
    """What was published when, the last first, and how far back one can go."""
    import sqlalchemy as sa

    from ingestion.ops import Publication

    rows = _query(
        sa.select(
            Publication.publication_id,
            Publication.published_at,
            Publication.night_id,
            Publication.restores,
            Publication.rows_changed,
            Publication.rows_kept.label("can_be_undone"),
        ).order_by(Publication.publication_id.desc())
    )
    if as_json:
        _print_json(rows)
    else:
        _print_table(_console(), "Publications", rows, limit)


@cli.command(name="restore-publication")
def restore_publication(
    publication_id: Annotated[
        int | None, typer.Argument(help="See `chungtay publications`; the one before the current when not given.")
    ] = None,
) -> None:
    """Make an earlier publication public again, in one transaction; the next night publishes the newest state."""
    from ingestion import pipeline
    from ingestion.ops import now
    from ingestion.relation import PublicationRefusedError

    try:
        done = pipeline.restore_publication(publication_id, f"restore-{now():%Y%m%dT%H%M%SZ}")
    except PublicationRefusedError as error:
        raise CommandError(f"nothing was brought back: {error}") from error
    typer.echo(
        f"publication {done['publication_id']} (night {done['night_id']}) is public again:"
        f" {done['rows_changed']} rows changed"
    )


@cli.command()
def docs() -> None:
    """Write the documentation of the warehouse as one page: tables, columns, what rests on what, forms, metrics."""
    from dbt_project.build import BuildError, build_docs

    try:
        typer.echo(build_docs(_url()).resolve().as_uri())
    except BuildError as error:
        raise CommandError(str(error)) from error


# -- keeping it --

_KEEP_SAFE = (
    "Bản sao lưu chứa dữ liệu cá nhân{vi}: hãy cất giữ như chính kho dữ liệu / It holds personal data{en}: keep it as"
    " safe as the warehouse"
)


@cli.command()
def backup(
    to: Annotated[Path | None, typer.Option(help="The folder of backups; <home>/backups when not set.")] = None,
    without_secret: Annotated[
        bool, typer.Option("--without-secret", help="Leave out the surrogate secret, which you keep elsewhere.")
    ] = False,
) -> None:
    """Write a backup of the warehouse, the archive, the answers and the secret; prints its folder."""
    from ingestion.backup import BackupError
    from ingestion.backup import backup as write_backup

    settings = get_settings()
    folder = (to or settings.home / "backups").absolute()
    try:
        place, manifest = write_backup(settings, _url(), folder, with_secret=not without_secret, say=_say)
    except (BackupError, OSError) as error:
        raise CommandError(f"no backup was made: {error}") from error
    typer.echo(str(place))
    secret = (" và khóa bí mật", " and the secret") if manifest.holds_secret else ("", "")
    typer.echo(_KEEP_SAFE.format(vi=secret[0], en=secret[1]), err=True)


@cli.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup: the folder that `backup` printed.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the home and its warehouse hold.")] = False,
) -> None:
    """Fill an empty home from a backup; may be killed and run again."""
    from ingestion.backup import BackupError, read_manifest
    from ingestion.backup import restore as restore_backup

    settings = get_settings()
    _refuse_while_airflow_runs()
    try:
        read_manifest(folder)  # before a server is started for nothing
        manifest, has_secret = restore_backup(settings, _url(), folder.absolute(), replace=yes, say=_say)
    except (BackupError, OSError) as error:
        raise CommandError(f"not restored: {error}") from error
    typer.echo(
        f"restored: {sum(manifest.rows.values())} rows, {len(manifest.files)} files, as of {manifest.created_at}"
    )
    if not has_secret:
        typer.echo(
            "Thiếu khóa bí mật của kho dữ liệu: hãy đặt CHUNGTAY_SURROGATE_SECRET trước đêm tới / The backup holds"
            f" no secret: set CHUNGTAY_SURROGATE_SECRET, or fill {settings.home / 'surrogate_secret'}, before a night",
            err=True,
        )


@cli.command("rotate-surrogates")
def rotate_surrogates(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before every person gets a new key.")] = False,
) -> None:
    """Change the secret behind people's keys: all of them change in one publication; may be killed and run again."""
    from datetime import UTC, datetime

    from dbt_project.build import BuildError
    from ingestion import pipeline
    from ingestion.local.postgres import locked
    from ingestion.relation import PublicationRefusedError
    from ingestion.surrogate import SurrogateSecretError

    settings = get_settings()
    _refuse_while_airflow_runs()
    if not yes:
        typer.confirm(
            "Every person gets a new key; what was copied out of the marts joins no longer. Go on?", abort=True
        )
    try:
        with locked(settings.home / ".night.lock", wait=False):
            changes = pipeline.rotate_surrogates(f"rotation-{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    except BlockingIOError:
        raise CommandError(f"a night runs on {settings.home}; wait for its end") from None
    except (SurrogateSecretError, BuildError, PublicationRefusedError) as error:
        raise CommandError(str(error)) from error
    typer.echo(f"published: {sum(change['rows_added'] for change in changes.values())} rows under new keys")


@cli.command("rotate-password")
def rotate_password() -> None:
    """Give the home's own server a new password; `url` prints the new address."""
    from ingestion.local.postgres import Server

    settings = get_settings()
    _refuse_while_airflow_runs()
    Server(settings.home, settings.pg_bin).change_password()
    typer.echo("changed")


@cli.command()
def clean(
    older_than: Annotated[int, typer.Option(help="Days that a file must not have changed.", min=1)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete old logs, results of the gate and answers to superseded reports; never what was received."""
    from ingestion.clean import outdated_files

    paths = sorted(set(outdated_files(get_settings(), _url(), older_than)))
    for path in paths:
        typer.echo(str(path))
        if not dry_run:
            path.unlink(missing_ok=True)
    typer.echo(f"{len(paths)} files {'would be ' if dry_run else ''}deleted")


def _refuse_while_airflow_runs() -> None:
    from ingestion.local.airflow import Airflow

    if Airflow(get_settings()).processes():
        raise CommandError("Airflow runs on this home: stop it first (`chungtay down`)")


def _say(message: str) -> None:
    typer.echo(f"{message} …", err=True)


# -- how it is shown --


def _url() -> str:
    from ingestion.local.postgres import warehouse_url

    return warehouse_url(get_settings())


def _filters(sender: str | None, period: str | None, dataset: str | None) -> "list[sa.ColumnElement[bool]]":
    from ingestion.ops import Submission

    wanted = ((Submission.sender_code, sender), (Submission.period_code, period), (Submission.dataset, dataset))
    return [column == value for column, value in wanted if value is not None]


def _query(statement: "sa.Executable") -> list[dict[str, Any]]:
    """Rows of the control tables as dictionaries; none when no night has made them yet."""
    import sqlalchemy as sa

    from ingestion.warehouse import create_engine

    engine = create_engine(_url())
    try:
        with engine.connect() as connection:
            if connection.scalar(sa.text("select to_regclass('ops.publication') is null")):
                return []
            return [dict(row) for row in connection.execute(statement).mappings()]
    except sa.exc.OperationalError as error:
        raise CommandError(f"the warehouse cannot be reached: {error.orig}".strip()) from error
    finally:
        engine.dispose()


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=_as_json))


def _as_json(value: object) -> str:
    from datetime import date, datetime

    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    return console


def _print_table(console: "Console", title: str, rows: Sequence[dict[str, Any]], limit: int = 200) -> None:
    from rich.table import Table

    if not rows:
        console.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in rows[0]:
        is_number = any(isinstance(row[name], int) for row in rows)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows[:limit]:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table, markup=False)
    if len(rows) > limit:
        console.print(f"… and {len(rows) - limit} more; --json gives all")


class _Progress:
    """How a night goes: a bar for each pipeline on a terminal, a line for each finished task elsewhere."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._bars: dict[str, Any] = {}
        self._told: set[str] = set()
        self._progress = Progress(
            TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"), console=console, disable=not console.is_terminal,
        )  # fmt: skip

    def __enter__(self) -> "_Progress":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, message: str) -> None:
        self._console.print(f"{message} …")

    def watch(self, dag_id: str, tasks: "Sequence[Task]") -> None:
        from ingestion.night import ENDED

        ended = [task for task in tasks if task.state in ENDED]
        if dag_id not in self._bars:
            self._bars[dag_id] = self._progress.add_task(dag_id, now="")
        running = [task.name for task in tasks if task.state == "running"]
        self._progress.update(
            self._bars[dag_id], completed=len(ended), total=len(tasks) or None, now=", ".join(running[:3])
        )
        if not self._console.is_terminal:
            for task in ended:
                if (key := f"{dag_id}.{task.name}") not in self._told:
                    self._told.add(key)
                    seconds = "" if task.seconds is None else f" {task.seconds:.1f} s"
                    self._console.print(f"{key}: {task.state}{seconds}", markup=False)


def _print_night(console: "Console", done: "Night") -> None:
    from rich.table import Table

    def table(title: str, *columns: str) -> Table:
        made = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(columns):
            made.add_column(name, justify="right" if number else "left")
        return made

    console.print(f"\nNight {done.night_id}")
    reports = table("Reports", "status", "count")
    for name in ("accepted", "accepted_with_findings", "rejected", "duplicate", "superseded", "received"):
        if name in done.reports or name in ("accepted", "rejected", "duplicate"):
            reports.add_row(name, str(done.reports.get(name, 0)))
    reports.add_row("rows", str(done.rows))
    reports.add_row("rows held", str(done.held_rows))
    console.print(reports)
    if done.findings:
        found = table("Findings", "rule", "severity", "count")
        for (rule, severity), count in done.findings.items():
            found.add_row(rule, severity, str(count))
        console.print(found)
    if done.published:
        published = table("Published", "table", "rows", "added", "removed")
        changed = {name: c for name, c in done.changes.items() if c["rows_added"] or c["rows_removed"]}
        for name, change in changed.items():
            published.add_row(
                f"mart.{name}", str(change["rows_after"]), str(change["rows_added"]), str(change["rows_removed"])
            )
        if changed:
            console.print(published)
        else:
            console.print(f"Published: no change in {len(done.changes)} tables")
    steps = table("Seconds", "step", "seconds", "tries")
    for name, tries in done.seconds_by_step().items():
        steps.add_row(name, f"{sum(tries):.1f}", "" if len(tries) == 1 else str(len(tries)))
    steps.add_row("Airflow's own", f"{done.seconds - done.work_seconds:.1f}")
    steps.add_row("the whole night", f"{done.seconds:.1f}")
    console.print(steps)
    for failure in done.failures:
        message = failure.message if len(failure.message) <= _MESSAGE else f"{failure.message[:_MESSAGE]} …"
        console.print(f"FAILED {failure.step}: {message}", markup=False)
        if failure.log:
            console.print(f"       log: {failure.log}", markup=False, soft_wrap=True)
    if not done.published:
        console.print("NOT PUBLISHED: mart is as it was")


if __name__ == "__main__":
    app()
