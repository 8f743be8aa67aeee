"""Lakes beside one another in a bucket, and their tables."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from config.site import Site


def beside(site: Site, prefix: str) -> Site:
    """The same site with a lake below another prefix."""
    settings = site.settings
    lake = settings.lake.model_copy(update={"bucket": site.bucket, "prefix": prefix})
    other = Site(settings.model_copy(update={"lake": lake}))
    other.session = site.session
    return other


def table(site: Site, name: str) -> pa.Table:
    """All rows of a table; bars with their interval."""
    s3 = site.client("s3")
    where = {"Bucket": site.bucket, "Prefix": f"{site.prefix}{name}/"}
    pages = s3.get_paginator("list_objects_v2").paginate(**where)
    return pa.concat_tables(
        _rows(s3.get_object(Bucket=site.bucket, Key=item["Key"])["Body"].read(), item["Key"])
        for page in pages
        for item in page.get("Contents", ())
    )


def _rows(body: bytes, key: str) -> pa.Table:
    rows = pq.read_table(io.BytesIO(body))
    interval = next((p[9:] for p in key.split("/") if p.startswith("interval=")), None)
    if interval is None:
        return rows
    return rows.append_column("interval", pa.array([interval] * len(rows)))
