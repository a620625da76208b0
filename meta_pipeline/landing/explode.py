"""From pages to rows, in SQL: the temporary table `incoming`, one row a record."""

from pathlib import Path

import duckdb

from meta_pipeline.reports import PAGE_TIME_ZONE, Report

# A page of 500 ads with all their actions is about 2 MB; DuckDB's default is 16 MB.
LARGEST_PAGE = 256 * 1024 * 1024


def incoming_rows(connection: duckdb.DuckDBPyConnection, report: Report, pages: list[Path]) -> None:
    """Fills `incoming(day, entity_key, payload, payload_hash, is_keyed)` from the pages.

    `day` is NULL for snapshots. Rows that are the same to the letter are one row. A payload is
    Meta's row as compact JSON (the page as it came is in the spool); Page Insights, which sends
    one series, is cut into one row a value.
    """
    key = ", ".join(f"fields.{name}" for name in report.key)
    complete = " and ".join(f"fields.{name} is not null" for name in report.key)
    day = "null::date" if report.grain == "snapshot" else _day(report)
    if report.grain != "snapshot":
        complete += f" and {day} is not null"
    connection.execute(
        f"""
        create or replace temp table incoming as
        with
        pages as ({pages_sql(pages)}),
        payloads as ({_payloads(report)}),
        parsed as (
            select payload, from_json(payload, '{_shape(report)}') as fields from payloads
        )
        select distinct
            {day} as day,
            to_json([{key}])::varchar as entity_key,
            payload,
            md5(payload) as payload_hash,
            {complete} as is_keyed
        from parsed
        """,
        [str(page) for page in pages],
    )


def pages_sql(pages: list[Path]) -> str:
    """SQL for the pages, one JSON a row in `page`; takes their paths as parameters."""
    if not pages:
        return "select null::json as page where false"
    files = ", ".join("?" for _ in pages)
    return (
        f"select json as page from read_json_objects([{files}], format = 'unstructured', "
        f"compression = 'zstd', maximum_object_size = {LARGEST_PAGE})"
    )


def _payloads(report: Report) -> str:
    if not report.edge:
        return "select page::varchar as payload from pages"
    rows = 'unnest(from_json(page, \'{"data": ["JSON"]}\').data)'
    if report.surface == "ads":
        return f"select ({rows})::varchar as payload from pages"
    return f"""
        select json_object(
            'name', series->'name', 'period', series->'period',
            'value', point->'value', 'end_time', point->'end_time'
        )::varchar as payload
        from (
            select series, unnest(from_json(series->'values', '["JSON"]')) as point
            from (select {rows} as series from pages)
        )
    """


def _shape(report: Report) -> str:
    names = {*report.key, "date_start", "date_stop", "end_time"}
    return "{" + ", ".join(f'"{name}": "VARCHAR"' for name in sorted(names)) + "}"


def _day(report: Report) -> str:
    if report.surface == "page":
        # end_time is the Pacific midnight that ends the 24 hours described, so the day is the
        # one before it, also when clocks change (Page Insights guide).
        moment = "strptime(fields.end_time, '%Y-%m-%dT%H:%M:%S%z')"
        return f"(timezone('{PAGE_TIME_ZONE}', {moment})::date - 1)"
    return "fields.date_start::date"
