"""What is known of single days of a report, in a few numbers a client and day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from meta_pipeline.reports import PAGE_TIME_ZONE, Report


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What stands in the warehouse of one client's day (month, or snapshot) of one report.

    All assets and parts of the client together. `rows` are those of the newest answer. `coverage`
    is the worst of them, `pulled_at` (UTC) the oldest, None when nothing landed. `requests` and
    `bytes` are those of the pulls that brought the day, which brought other days too: they must
    not be added up over days. `versions` are the API versions that answered. `age_hours` is the
    time from the end of the day, in the asset's time zone (unknown: UTC-12), to the pull:
    negative while the day was open, None for snapshots.
    """

    rows: int
    coverage: str
    pulled_at: datetime | None
    requests: int
    bytes: int
    versions: tuple[str, ...]
    age_hours: float | None
    maturity: str | None


def facts_of_days(
    connection: duckdb.DuckDBPyConnection, report: Report, wanted: Iterable[tuple[str, date | None]]
) -> dict[tuple[str, date | None], DayFacts]:
    """The facts of each client and day (first day of a month; None for a snapshot) wanted.

    What was never asked for is not among them.
    """
    keys = list(wanted)
    rows = connection.execute(
        _FACTS,
        {
            "report": report.name,
            "clients": [client for client, _ in keys],
            "days": [day for _, day in keys],
            "is_month": report.grain == "month",
            "page_zone": None if report.surface == "ads" else PAGE_TIME_ZONE,
        },
    ).fetchall()
    return {
        (client, day): DayFacts(count, coverage, pulled, asked, size, tuple(versions), age, word)
        for client, day, count, coverage, pulled, asked, size, versions, age, word in rows
    }


# Coverage is ranked, days are ended and maturity is named as in dbt_project/macros/maturity.sql;
# a test compares the two.
_FACTS = """
with wanted as (
    select unnest($clients::text[]) as client_id, unnest($days::date[]) as day
),
zones as (
    select client_id, asset_id, payload->>'timezone_name' as time_zone from raw.records
    where report = 'accounts' and valid_to is null
        and (payload->>'timezone_name') in (select name from pg_timezone_names())
),
known as (
    select
        coverage.*,
        if($is_month, last_day(coverage.day), coverage.day) as last_day,
        coalesce($page_zone, time_zone, 'Etc/GMT+12') as time_zone,
        case status
            when 'pulled' then 0 when 'confirmed_empty' then 1 when 'beyond_retention' then 2
            when 'unconfirmed_empty' then 3 else 4
        end as coverage_rank
    from raw.coverage as coverage
    join wanted
        on coverage.client_id = wanted.client_id and coverage.day is not distinct from wanted.day
    left join zones
        on coverage.client_id = zones.client_id and coverage.asset_id = zones.asset_id
    where coverage.report = $report
),
days as (
    select
        client_id, day,
        sum(row_count)::bigint as row_count,
        arg_max(status, coverage_rank) as coverage,
        min(pulled_at) as pulled_at,
        -- A day that several pulls make up counts as its oldest.
        min(pulled_at - timezone(time_zone, (last_day + 1)::timestamp)) as age
    from known
    group by client_id, day
),
pulls as (
    select client_id, day, sum(requests)::bigint as requests, sum(bytes)::bigint as bytes,
        list_sort(list(distinct served_version) filter (where served_version is not null))
            as versions
    from (select distinct client_id, day, pull_id from known)
    join (select pull_id, requests, bytes, served_version from raw.pulls) using (pull_id)
    group by client_id, day
),
aged as (
    select *, epoch(age) / 3600 as age_hours from days
)
select
    aged.client_id, aged.day, row_count, coverage, pulled_at,
    coalesce(requests, 0), coalesce(bytes, 0), coalesce(versions, []), round(age_hours, 1),
    case
        when age_hours is null then null
        when age_hours < 0 then 'open'
        when age_hours < 24 then 'provisional'
        when age_hours < 72 then 'settling'
        when age_hours < 672 then 'attributing'
        else 'final'
    end
from aged
left join pulls
    on aged.client_id = pulls.client_id and aged.day is not distinct from pulls.day
"""
