"""Settings, all from the environment or, in a container, from files; one object, made once per process."""

import os
from datetime import time, timedelta
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent
REFERENCE_DIR = PROJECT_DIR / "dbt_project" / "seeds"
SECRETS_DIR = Path("/run/secrets")  # where container engines put secrets: a file chungtay_<setting> each
STEP_SESSION = "chungtay step: "
"""How the name of a session of the warehouse begins that shows that a step runs."""
MESSAGES_LIVE = timedelta(days=7)
"""How long it is tried to deliver a message to operators."""


class Settings(BaseSettings):
    """What an operator may set. Paths are absolute after loading; two homes never touch each other."""

    model_config = SettingsConfigDict(
        env_prefix="CHUNGTAY_", extra="ignore", secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None
    )

    home: Path = Field(default=Path(".chungtay"), description="The state folder: server, archive, logs, answers.")
    inbox: Path | None = Field(default=None, description="Where senders' folders stand; <home>/inbox when not set.")
    outbox: Path | None = Field(default=None, description="Where the answers are put; <home>/outbox when not set.")
    warehouse_url: str | None = Field(
        default=None, description="libpq URL of the warehouse; the embedded server when not set."
    )
    province: str | None = Field(default=None, description="Official code of the province served.")
    surrogate_secret: SecretStr | None = Field(
        default=None,
        description="Secret of people's surrogate keys; made once in <home>/surrogate_secret when not set.",
    )
    pg_bin: Path | None = Field(default=None, description="Folder with initdb and pg_ctl; found when not set.")
    publications_kept: int = Field(default=14, ge=1, description="How many of the last publications can be undone.")
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server for messages, smtp://user:password@host:587 or smtps://…; no mail when not set.",
    )
    alert_to: str | None = Field(default=None, description="Who gets mail, separated by commas.")
    alert_from: str | None = Field(default=None, description="Sender of the mail; the first of alert_to when not set.")
    webhook_url: SecretStr | None = Field(
        default=None, description="Where messages are posted as JSON; nowhere when not set."
    )
    openlineage_file: Path | None = Field(
        default=None, description="Where lineage events are appended, a line of JSON each; nowhere when not set."
    )
    openlineage_url: str | None = Field(
        default=None, description="OpenLineage endpoint that lineage events are posted to; nowhere when not set."
    )
    openlineage_api_key: SecretStr | None = Field(default=None, description="Key for that endpoint, if it wants one.")
    openlineage_namespace: str = Field(default="chungtay", description="Namespace of the jobs in lineage events.")
    runbook_url: str = Field(
        default="docs/runbook", description="Where the runbook stands; messages link to <runbook_url>/<kind>.md."
    )
    time_zone: str = Field(default="Asia/Ho_Chi_Minh", description="The province's time zone.")
    night_starts: time = Field(
        default=time(20), description="When the night starts, local time: the schedule of the DAGs, and the watcher's."
    )
    published_by: time = Field(
        default=time(6), description="When a night must be published, local time; else the watcher rings."
    )
    arrival_quiet_seconds: float = Field(
        default=5, description="A file that arrives by day is received when it has not changed for so long."
    )
    arrival_poll_seconds: float = Field(default=2, gt=0, description="Between two looks at the inbox by day.")
    deadline_minutes: float = Field(
        default=120, gt=0, description="A run of a DAG is to end so long after it was asked for, else it is told."
    )
    airflow_url: str | None = Field(
        default=None, description="Airflow's API server that the watcher asks; the home's own when not set."
    )
    hang_minutes: float = Field(
        default=60, description="A step may run so long, or three times its longest of late, before the watcher rings."
    )
    alert_lost_minutes: float = Field(
        default=60, description="A message may stay undelivered so long before the watcher rings."
    )
    watch_seconds: float = Field(default=60, description="Between two looks of the watcher.")
    max_file_mb: int = Field(default=64, description="Largest file read, in MiB.")
    max_cells: int = Field(default=20_000_000, description="Most cells read from one file.")
    max_columns: int = Field(default=16_384, description="Most columns of one sheet.")
    max_sheets: int = Field(default=1_000, description="Most sheets of one file.")
    max_merged: int = Field(default=100_000, description="Most merged areas of one sheet.")
    max_zip_ratio: int = Field(default=200, description="Most that a zip file or workbook may expand, as a ratio.")
    max_zip_entries: int = Field(default=4_000, description="Most entries of a zip file or workbook.")
    max_zip_depth: int = Field(default=2, description="Deepest that archives may lie in archives; 1 is none.")
    max_unzipped_mb: int = Field(default=256, description="Most that an archive of reports may expand to, in MiB.")
    max_read_seconds: float = Field(default=25, description="Longest that reading a file may take, and ...")
    max_read_seconds_per_mb: float = Field(default=5, description="... as much more for each MiB of the file.")
    max_read_memory_mb: int = Field(default=400, description="Most memory that reading a file may take, MiB, and ...")
    max_read_memory_per_mb: int = Field(default=16, description="... as much more for each MiB of the file.")

    def model_post_init(self, _context: object) -> None:
        self.home = self.home.absolute()
        self.inbox = (self.inbox or self.home / "inbox").absolute()
        self.outbox = (self.outbox or self.home / "outbox").absolute()
        if self.smtp_url and not self.alert_to:
            raise ValueError("CHUNGTAY_SMTP_URL is set without CHUNGTAY_ALERT_TO: whom is the mail for?")

    def environment(self) -> dict[str, str]:
        """The environment in which another process has these settings; it needs no secret, and gets asterisks."""
        prefix = self.model_config["env_prefix"]
        values = self.model_dump(mode="json", exclude_none=True)
        return {f"{prefix}{name}".upper(): str(value) for name, value in values.items()}

    def limits(self) -> dict[str, float]:
        """What decides, besides the code, whether a file can be read."""
        return {name: value for name, value in self.model_dump().items() if name.startswith("max_")}

    @property
    def archive_dir(self) -> Path:
        """Write-once store of received bytes, by SHA-256."""
        return self.home / "archive"

    @property
    def inbox_dir(self) -> Path:
        """The receiving folder, `<sender>/<period>/<file>`."""
        if self.inbox is None:
            raise AssertionError("set by model_post_init")
        return self.inbox

    @property
    def outbox_dir(self) -> Path:
        """The answers, `<sender>/<period>/<file>`."""
        if self.outbox is None:
            raise AssertionError("set by model_post_init")
        return self.outbox

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels by which operators are told."""
        wanted = (("mail", self.smtp_url), ("webhook", self.webhook_url))
        return tuple(name for name, is_set in wanted if is_set)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process. `get_settings.cache_clear()` after changing the environment (tests)."""
    return Settings()


def code_version() -> str:
    """Version of this code, as recorded on every submission: `CHUNGTAY_CODE_VERSION` or the package version."""
    from importlib.metadata import version

    return os.environ.get("CHUNGTAY_CODE_VERSION") or version("chungtay")
