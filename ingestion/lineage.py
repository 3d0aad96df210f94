"""Lineage: each step of a night as OpenLineage events, to a file, an HTTP endpoint or both; off when neither is set.

A step is a job, its run a child of the night's; a model of dbt is a job below the step of its layer. Datasets are
folders of senders, tables and views. Events name senders, tables and columns and count rows; no person, no file, no
value. What cannot be sent fails nothing: it is logged and told in the outcome of the step.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from psycopg.conninfo import conninfo_to_dict

from ingestion.settings import REFERENCE_DIR, Settings, code_version

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent

log = logging.getLogger(__name__)

NOT_SENT = "lineage events were not sent"
_FILES = "file"  # namespace of folders, which are told below inbox, outbox and seeds, wherever these stand
_SECONDS = 3  # that an endpoint may keep a step waiting
_RETRIES = {"total": 1, "connect": 1, "read": 0, "backoff_factor": 0.2, "allowed_methods": ["POST"]}
_PRODUCER = "https://github.com/OpenLineage/OpenLineage/tree/main/client/python"


@dataclass(slots=True)
class Touched:
    """What a step read and wrote, as it comes to know it: data sets read or judged, senders answered, tables published,
    and by layer the nodes of dbt with the rows that they wrote."""

    datasets: set[str] = field(default_factory=set)
    senders: set[str] = field(default_factory=set)
    tables: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, int | None] = field(default_factory=dict)


class StepLineage:
    """The events of one step. `unsent` tells why some were not sent, '' if all were or it is off."""

    def __init__(self, settings: Settings, url: str, night_id: str, step: str, subject: str, touched: Touched) -> None:
        self._settings = settings
        self._url = url
        self._night_id = night_id
        self._step = step
        self._subject = subject
        self._run_id = ""
        self._touched = touched
        self.unsent = ""
        self._is_on = bool(settings.openlineage_file or settings.openlineage_url)

    def start(self) -> None:
        """The step begins."""
        self._send(lambda: [self._event("START")])

    def end(self, error: BaseException | None) -> None:
        """The step has ended, well or by an error, of which only the kind is told."""
        self._send(lambda: self._last_events(error))

    def _send(self, events: "Any") -> None:
        """Make events and send them; after a first failure of this step no more."""
        if not self._is_on or self.unsent:
            return
        try:
            for event in events():
                _emit(event, self._settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, the night goes on
            self.unsent = f"{NOT_SENT}: {type(error).__name__}"
            log.error("step %s %s: %s", self._step, self._subject, self.unsent)

    def _last_events(self, error: BaseException | None) -> "Iterator[RunEvent]":
        from openlineage.client.facet_v2 import error_message_run

        if error is not None:
            told = error_message_run.ErrorMessageRunFacet(message=type(error).__name__, programmingLanguage="python")
            yield self._event("FAIL", facets={"errorMessage": told})
            return
        if self._step == "build":
            models = Models(self._settings.home / "dbt" / "target" / "manifest.json", self._touched.nodes)
            for model in models.built:
                yield from self._model_events(model, models)
            yield self._event("COMPLETE", models.read_from_outside(), models.written())
        else:
            inputs, outputs = self._datasets()
            yield self._event("COMPLETE", inputs, outputs)

    def _datasets(self) -> "tuple[list[Named], list[Named]]":
        """What the step reads and writes."""
        touched, datasets = self._touched, sorted(self._touched.datasets)
        if self._step == "prepare":
            lists = sorted(path.stem for path in REFERENCE_DIR.glob("*.csv"))
            return [Named(f"seeds/{name}.csv") for name in lists], [Named("reference", name) for name in lists]
        if self._step == "receive":
            return [Named(f"inbox/{self._subject}")], [Named("raw", name) for name in datasets]
        if self._step == "judge" and datasets:
            raw, accepted = ([Named(schema, name) for name in datasets] for schema in ("raw", "accepted"))
            return raw, [*accepted, Named("ops", "finding")]
        if self._step == "answer":
            return [Named("ops", "finding")], [Named(f"outbox/{sender}") for sender in sorted(touched.senders)]
        if self._step == "publish":
            public = [_public(table, rows) for table, rows in sorted(touched.tables.items())]
            return [Named(f"{each.schema}_build", each.name) for each in public], public
        return [], []

    def _model_events(self, model: "Model", models: "Models") -> "Iterator[RunEvent]":
        from openlineage.client.uuid import generate_new_uuid

        run_id = str(generate_new_uuid())
        name = f"build.{self._subject}.{model.relation.name}"
        outputs = [model.relation]
        parent = (self._run_id, self._job_name())
        for state in ("START", "COMPLETE"):
            yield self._run_event(state, run_id, name, "MODEL", parent, {}, models.parents(model), outputs)

    def _job_name(self) -> str:
        return f"{self._step}.{self._subject.replace(' ', '_')}" if self._subject else self._step

    def _event(
        self, state: str, inputs: "Sequence[Named]" = (), outputs: "Sequence[Named]" = (), facets: Any = None
    ) -> "RunEvent":
        from openlineage.client.uuid import generate_new_uuid

        self._run_id = self._run_id or str(generate_new_uuid())
        night = str(uuid5(NAMESPACE_URL, f"chungtay night {self._night_id}")), "night"
        return self._run_event(state, self._run_id, self._job_name(), "TASK", night, facets or {}, inputs, outputs)

    def _run_event(
        self,
        state: str,
        run_id: str,
        name: str,
        kind: str,
        parent: tuple[str, str],
        facets: Mapping[str, Any],
        inputs: "Sequence[Named]",
        outputs: "Sequence[Named]",
    ) -> "RunEvent":
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import job_type_job, parent_run, processing_engine_run

        namespace = self._settings.openlineage_namespace
        parent_id, parent_name = parent
        run_facets = {
            "parent": parent_run.ParentRunFacet(
                run=parent_run.Run(runId=parent_id), job=parent_run.Job(namespace=namespace, name=parent_name)
            ),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=code_version(), name="Chung Tay"
            ),
            **facets,
        }
        job_type = job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="DBT" if kind == "MODEL" else "CHUNGTAY", jobType=kind
        )
        return RunEvent(
            eventType=RunState[state],
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(runId=run_id, facets=run_facets),
            job=Job(namespace=namespace, name=name, facets={"jobType": job_type}),
            inputs=[self._input(each) for each in inputs],
            outputs=[self._output(each) for each in outputs],
            producer=_PRODUCER,
        )

    def _input(self, dataset: "Named") -> "InputDataset":
        from openlineage.client.event_v2 import InputDataset

        return InputDataset(*self._address(dataset))

    def _output(self, dataset: "Named") -> "OutputDataset":
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

        facets: dict[str, Any] = {}
        if dataset.columns:
            fields = [schema_dataset.SchemaDatasetFacetFields(name=n, type=t) for n, t in dataset.columns.items()]
            facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
        statistics: dict[str, Any] = {}
        if dataset.rows is not None:
            counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows)
            statistics["outputStatistics"] = counted
        return OutputDataset(*self._address(dataset), facets=facets, outputFacets=statistics)

    def _address(self, dataset: "Named") -> tuple[str, str]:
        """Namespace and name, by OpenLineage's rules of naming."""
        if not dataset.name:
            return _FILES, dataset.schema
        parts = conninfo_to_dict(self._url)
        return (
            f"postgres://{parts.get('host')}:{parts.get('port') or 5432}",
            f"{parts.get('dbname')}.{dataset.schema}.{dataset.name}",
        )


@dataclass(frozen=True, slots=True)
class Named:
    """A table or view; without a name the folder or file `schema`. Of an output perhaps rows and columns, too."""

    schema: str
    name: str = ""
    rows: int | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was built, under its id in dbt's manifest."""

    unique_id: str
    relation: Named


class Models:
    """What dbt's manifest tells of the models of a layer that were built; `nodes` gives their rows by name."""

    def __init__(self, manifest: Path, nodes: Mapping[str, int | None]) -> None:
        told = json.loads(manifest.read_bytes())
        self._nodes: dict[str, Any] = {**told["nodes"], **told["sources"]}
        ids = {node["name"]: unique_id for unique_id, node in self._nodes.items() if node["resource_type"] == "model"}
        # in the order in which they were built
        self.built = [
            Model(ids[name], self._relation(ids[name], rows, with_columns=True)) for name, rows in nodes.items()
        ]

    def parents(self, model: Model) -> list[Named]:
        """The tables and views that a model reads."""
        return [self._relation(unique_id) for unique_id in sorted(self._read_by(model.unique_id))]

    def read_from_outside(self) -> list[Named]:
        """What the layer reads of other layers and sources."""
        own = {model.unique_id for model in self.built}
        read = {parent for model in self.built for parent in self._read_by(model.unique_id)} - own
        return [self._relation(unique_id) for unique_id in sorted(read)]

    def written(self) -> list[Named]:
        """What the layer wrote."""
        return [model.relation for model in self.built]

    def _relation(self, unique_id: str, rows: int | None = None, *, with_columns: bool = False) -> Named:
        node = self._nodes[unique_id]
        columns = {name: each.get("data_type") for name, each in node["columns"].items()} if with_columns else {}
        return Named(node["schema"], node.get("alias") or node.get("identifier") or node["name"], rows, columns)

    def _read_by(self, unique_id: str) -> Iterable[str]:
        """Its parents; of an ephemeral one, which is no relation, the parents of that."""
        for parent in self._nodes[unique_id].get("depends_on", {}).get("nodes", ()):
            node = self._nodes[parent]
            if node["resource_type"] == "model" and node["config"]["materialized"] == "ephemeral":
                yield from self._read_by(parent)
            else:
                yield parent


def _public(label: str, rows: int) -> Named:
    """A public table by its label in a publication: `fct_support` of mart, `vault.vault_person`."""
    schema, _, name = label.rpartition(".")
    return Named(schema or "mart", name, rows)


def _emit(event: "RunEvent", settings: Settings) -> None:
    from openlineage.client.serde import Serde

    if settings.openlineage_file:
        # one write: several steps may append at the same time
        line = f"{Serde.to_json(event)}\n".encode()
        settings.openlineage_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(settings.openlineage_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    if settings.openlineage_url:
        key = settings.openlineage_api_key
        _endpoint(settings.openlineage_url, key.get_secret_value() if key else "").emit(event)


@cache
def _endpoint(url: str, api_key: str) -> Any:
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    auth = {"auth": {"type": "api_key", "apiKey": api_key}} if api_key else {}
    return HttpTransport(HttpConfig.from_dict({"url": url, "timeout": _SECONDS, "retry": _RETRIES, **auth}))
