"""From pages to rows, in SQL: the temporary tables `sent`, then `incoming`, one row a record."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from meta_pipeline.landing.spool import Pull, Request
from meta_pipeline.reports import PAGE_TIME_ZONE, Report


def incoming_rows(
    connection: duckdb.DuckDBPyConnection,
    report: Report,
    pull: Pull,
    requests: Sequence[Request],
    pages: Sequence[Path],
) -> None:
    """Fills `sent` and `incoming` from the pages, one of each request, in the same order.

    `sent(section, day, entity_key, payload, payload_hash, is_keyed, is_asked, is_kept)` holds
    every row, padded days included; `section` is the request's group, and `is_asked` says
    whether the row is about what was asked. `incoming(day, entity_key, payload, payload_hash)`
    holds the rows of the days that their page speaks for: the parts of a question that was
    split overlap, and what one part has as padding is cut short.

    `day` is NULL for snapshots. Rows that are the same to the letter are one row. A payload is
    Meta's row as compact JSON (the page as it came is in the spool); a series of organic
    insights is cut into one row a value.
    """
    _list_pages(connection, requests, pages)
    key = ", ".join(f"fields.{name}" for name in report.key)
    complete = " and ".join(f"fields.{name} is not null" for name in report.key)
    if report.grain != "snapshot":
        complete += " and day is not null"
    connection.execute(
        f"""
        create or replace temp table sent as
        with
        pages as ({_pages_sql(requests, pages)}),
        payloads as ({_payloads(report)}),
        parsed as (
            select * exclude (payload), payload, from_json(payload, '{_shape(report)}') as fields
            from payloads
        ),
        dated as (select *, {_day(report)} as day from parsed)
        select distinct
            section,
            day,
            to_json([{key}])::varchar as entity_key,
            payload,
            md5(payload) as payload_hash,
            {complete} as is_keyed,
            {_is_asked(report, pull)} as is_asked,
            coalesce(day >= since, true) and coalesce(day <= until, true) as is_kept
        from dated
        """,
        _files(pages),
    )
    connection.execute(
        """
        create or replace temp table incoming as
        select distinct day, entity_key, payload, payload_hash from sent where is_kept
        """
    )


def note_total(
    connection: duckdb.DuckDBPyConnection, requests: Sequence[Request], pages: Sequence[Path]
) -> None:
    """Compares `sent`, padded days included, with the totals that Meta gave beside the rows.

    Each section of a split question has its own total, and all of them must agree. Leaves the
    temporary table `answer_total(since, until, has_rows, is_complete)`, one row a section with
    the days it speaks for (NULL: all), and the same verdict in each.
    """
    connection.execute(
        f"""
        create or replace temp table answer_total as
        with
        totals as (
            select
                section, any_value(since) as since, any_value(until) as until,
                max((page->'summary'->>'impressions')::bigint) as impressions
            from ({_pages_sql(requests, pages)})
            group by section
        ),
        counted as (
            select section, sum((payload->>'impressions')::bigint) as impressions
            from (select distinct section, day, entity_key, payload from sent)
            group by section
        )
        select
            totals.since,
            totals.until,
            counted.section is not null as has_rows,
            bool_and(
                case
                    when counted.section is null then coalesce(totals.impressions, 0) = 0
                    else coalesce(counted.impressions = totals.impressions, false)
                end
            ) over () as is_complete
        from totals
        left join counted on counted.section = totals.section
        """,
        _files(pages),
    )


def _list_pages(
    connection: duckdb.DuckDBPyConnection, requests: Sequence[Request], pages: Sequence[Path]
) -> None:
    """Fills `asked`: the file of each request, and which days and section it stands for.

    Two answers that are the same to the letter share a file.
    """
    connection.execute(
        """
        create or replace temp table asked as
        select
            unnest($files::varchar[]) as file,
            unnest($since::date[]) as since,
            unnest($until::date[]) as until,
            unnest($sections::integer[]) as section
        """,
        {
            "files": [str(page) for page in pages],
            "since": [request.since for request in requests],
            "until": [request.until for request in requests],
            "sections": [request.group for request in requests],
        },
    )


def _files(pages: Sequence[Path]) -> list[str]:
    return list(dict.fromkeys(str(page) for page in pages))


def _pages_sql(requests: Sequence[Request], pages: Sequence[Path]) -> str:
    """SQL for `page`, `since`, `until`, `section`, one row a request; parameters: `_files`."""
    if not pages:
        return "select null::json as page, since, until, section from asked where false"
    files = ", ".join("?" for _ in _files(pages))
    # DuckDB takes twice that much memory for any page at all, and 32 MB at least.
    largest = max(request.bytes for request in requests)
    return f"""
        select found.json as page, asked.since, asked.until, asked.section
        from read_json_objects(
            [{files}], format = 'unstructured', compression = 'zstd', filename = true,
            maximum_object_size = {largest}
        ) as found
        inner join asked on asked.file = found.filename
    """


def _payloads(report: Report) -> str:
    where = "since, until, section"
    if not report.edge:
        return f"select {where}, page::varchar as payload from pages"
    rows = 'unnest(from_json(page, \'{"data": ["JSON"]}\').data)'
    if not report.metrics:
        return f"select {where}, ({rows})::varchar as payload from pages"
    # The id of a post's series is "<post>/insights/<metric>/<period>" (Page Insights reference).
    post = "'post_id', nullif(split_part(series->>'id', '/', 1), '')," if report.each else ""
    values = f"""
        select {where}, json_object(
            {post} 'name', series->'name', 'period', series->'period',
            'value', point->'value', 'end_time', point->'end_time'
        )::varchar as payload
        from (
            select {where}, series, unnest(from_json(series->'values', '["JSON"]')) as point
            from (select {where}, {rows} as series from pages)
        )
    """
    if report.surface != "instagram":
        return values
    # With metric_type=total_value there is one total a request, without a date.
    return f"""
        {values}
        union all
        select {where}, json_object(
            'name', series->'name', 'period', series->'period',
            'total_value', series->'total_value'
        )::varchar as payload
        from (select {where}, {rows} as series from pages)
        where (series->'total_value') is not null
    """


def _shape(report: Report) -> str:
    names = {*report.key, "date_start", "date_stop", "end_time", "account_id", "name", "period"}
    return "{" + ", ".join(f'"{name}": "VARCHAR"' for name in sorted(names)) + "}"


def _is_asked(report: Report, pull: Pull) -> str:
    """SQL: whether a row describes the asset, metric and days that it is taken for.

    What a row does not say of itself is not held against it.
    """
    expected = []
    if report.metrics:
        expected += [("fields.name", pull.part), ("fields.period", report.params["period"])]
    elif report.edge == "insights":
        expected.append(("fields.account_id", pull.asset_id.removeprefix("act_")))
    conditions = [f"{name} = '{value}'" for name, value in expected]
    if report.grain == "month":
        conditions.append("fields.date_start::date = date_trunc('month', fields.date_stop::date)")
    elif report.edge == "insights" and not report.metrics:
        days = report.rolling_days or 1
        conditions.append(f"fields.date_stop::date - fields.date_start::date = {days - 1}")
    return " and ".join(f"coalesce({one}, true)" for one in conditions) or "true"


def _day(report: Report) -> str:
    if report.grain == "snapshot":
        return "null::date"
    if report.surface == "ads":
        return f"fields.{'date_stop' if report.rolling_days else 'date_start'}::date"
    # end_time is the Pacific midnight that ends the 24 hours described, so the day is the
    # one before it, also when clocks change (Page Insights guide).
    moment = "strptime(fields.end_time, '%Y-%m-%dT%H:%M:%S%z')"
    ended = f"(timezone('{PAGE_TIME_ZONE}', {moment})::date - 1)"
    if report.surface == "page":
        return ended
    return f"""coalesce(
        {ended}, case when (payload->'total_value') is not null and since = until then since end
    )"""
