"""Athena itself, asked with bound parameters in the settings' workgroup.

Rules:
1. A query that we stop waiting for is stopped: on Ctrl-C, on the time-out, on any error of ours.
2. The rows come from the result file, as Athena wrote it; their types from its metadata.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from athena.answer import Answer, QueryError, Stats
from athena.parameters import Value, bound, literal, placeholders
from athena.results import columns_of, read
from config.site import Site

DONE = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass
class AthenaEngine:
    """Athena in ``site``'s workgroup; results go to ``site.results_bucket``."""

    site: Site
    timeout_s: float = 1800
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def answer(self, sql: str, params: Mapping[str, Value]) -> Answer:
        """The rows. Raises QueryError or ParameterError with a sentence."""
        begun = self.now()
        names = placeholders(sql).names
        values = bound(names, params)
        try:
            query = self._start(self.explain(sql), [literal(values[name]) for name in names])
            execution = self._finished(query, begun)
            table = self._rows(query, execution)
        except NoCredentialsError:
            raise QueryError("no AWS credentials; tapeline doctor says what is missing") from None
        except (BotoCoreError, ClientError) as failed:
            raise QueryError(f"Athena: {failed}") from None
        scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
        return Answer(table, Stats("athena", self.now() - begun, scanned, query_id=query))

    def explain(self, sql: str) -> str:
        """What Athena is sent: the SQL with ``?`` for each parameter."""
        return placeholders(sql).spelt(lambda name: "?").strip().rstrip(";")

    @property
    def _client(self) -> Any:
        return self.site.client("athena")

    def _start(self, sql: str, literals: list[str]) -> str:
        catalog = self.site.settings.catalog
        more = {"ExecutionParameters": literals} if literals else {}
        started = self._client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": catalog.database, "Catalog": "AwsDataCatalog"},
            WorkGroup=catalog.workgroup,
            ResultConfiguration={"OutputLocation": f"s3://{self.site.results_bucket}/athena/"},
            **more,
        )
        return str(started["QueryExecutionId"])

    def _finished(self, query: str, begun: float) -> dict[str, Any]:
        """The execution once it succeeded; however we leave otherwise, it is stopped."""
        client, settled = self._client, False
        try:
            execution = self._awaited(client, query, begun)
            settled = True
        finally:
            if not settled:
                client.stop_query_execution(QueryExecutionId=query)
        status = execution["Status"]
        if status["State"] != "SUCCEEDED":
            why = status.get("StateChangeReason") or "no reason given"
            raise QueryError(f"Athena {status['State'].lower()} the query {query}: {why}")
        return execution

    def _awaited(self, client: Any, query: str, begun: float) -> dict[str, Any]:
        pause = 0.2
        while True:
            got = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if got["Status"]["State"] in DONE:
                return dict(got)
            if self.now() - begun > self.timeout_s:
                raise QueryError(
                    f"no answer within {self.timeout_s:g} s; the query {query} was stopped"
                )
            self.sleep(pause)
            pause = min(pause * 1.5, 2)

    def _rows(self, query: str, execution: Mapping[str, Any]) -> Any:
        kind = execution.get("StatementType", "DML")
        place = urlsplit(execution["ResultConfiguration"]["OutputLocation"])
        if kind != "DML" or not place.path.endswith(".csv"):
            raise QueryError(f"the query {query} is no question: it has no rows to show")
        first = self._client.get_query_results(QueryExecutionId=query, MaxResults=1)
        described = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        body = self.site.client("s3").get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
        return read(io.BytesIO(body["Body"].read()), columns_of(described))
