"""What is known of each day: pulled, empty with or without proof, failed, or beyond retention.

Meta leaves out rows without delivery, and also answers 200 with nothing when a permission is
missing. So a day without rows is `confirmed_empty` only when the account's own row, or the
account's total, agrees; else it is a gap that says why.
"""

from typing import Any

import duckdb

from meta_pipeline.landing.spool import Pull
from meta_pipeline.reports import REPORTS

PROOF_REPORT = "account_daily"

_KEPT = "; the rows from before are kept"
_SILENT = "no row and no total in the range; the account itself answers"
_SILENT_RANGE = (
    "no row of the account in the range; the account itself answers, and its known days show no "
    "delivery"
)
_FINER_REPORTS = [
    name
    for name, report in REPORTS.items()
    if report.grain == "day" and report.level not in (None, "account")
]

# SQL: whether the row in `payload` says that anything was delivered, or came of it.
_SHOWS_DELIVERY = """(
    coalesce(payload->>'impressions', '0') <> '0' or coalesce(payload->>'spend', '0') <> '0'
    or coalesce(payload->>'clicks', '0') <> '0' or (payload->'actions') is not null
)"""

# SQL: whether the account object itself has answered the token.
_ACCOUNT_ANSWERS = """exists (
    from raw.coverage as account
    where account.client_id = $client_id and account.asset_id = $asset_id
        and account.report = 'accounts' and account.status = 'pulled'
        and account.failed_at is null
)"""

# SQL: how many days a gap's report describes, its own the last of them.
_ROLLING = "case gap.report {} else 1 end".format(
    " ".join(f"when '{r.name}' then {r.rolling_days}" for r in REPORTS.values() if r.rolling_days)
)

_IN_SCOPE = """
    client_id = $client_id and report = $report and asset_id = $asset_id and part = $part
    and exists (from landing_days where landing_days.day is not distinct from {table}.day)
"""


def scope(pull: Pull) -> dict[str, Any]:
    """Whose rows the pull speaks of, as query parameters."""
    return {
        "client_id": pull.client_id,
        "report": pull.report,
        "asset_id": pull.asset_id,
        "part": pull.part,
    }


def in_scope(table: str) -> str:
    """SQL: whether a row of `table` belongs to the pull and to `landing_days`."""
    return _IN_SCOPE.format(table=table)


def open_days(connection: duckdb.DuckDBPyConnection, pull: Pull) -> int:
    """Fills the temporary table `landing_days` with the days this pull may speak for.

    These are its days (first days of months; NULL for a snapshot) without those for which a
    newer answer that can be believed has landed already; the silence of an account is no such
    answer, since rows from before would have made it doubtful. Returns how many there are.
    """
    grain = REPORTS[pull.report].grain
    step = "1 month" if grain == "month" else "1 day"
    bounds = {} if grain == "snapshot" else {"since": pull.since, "until": pull.until}
    days = (
        "null::date"
        if grain == "snapshot"
        else f"unnest(generate_series($since::timestamp, $until, interval '{step}'))::date"
    )
    connection.execute(
        f"""
        create or replace temp table landing_days as
        with days as (select {days} as day)
        from days where not exists (
            from raw.coverage as newer
            where newer.client_id = $client_id and newer.report = $report
                and newer.asset_id = $asset_id and newer.part = $part
                and newer.day is not distinct from days.day
                and newer.status <> 'unconfirmed_empty'
                and newer.reason is distinct from $silent
                and (
                    newer.pulled_at > $pulled_at
                    or (newer.pulled_at = $pulled_at and newer.pull_id > $pull_id)
                )
        )
        """,
        scope(pull)
        | bounds
        | {"pulled_at": pull.pulled_at, "pull_id": pull.pull_id, "silent": _SILENT},
    )
    row = connection.execute("select count(*) from landing_days").fetchone()
    return row[0] if row else 0


def drop_older_silence(connection: duckdb.DuckDBPyConnection, pull: Pull) -> None:
    """Takes the days out of `landing_days` that are empty here and were empty later as well."""
    connection.execute(
        """
        delete from landing_days
        where not exists (
                from incoming where incoming.day is not distinct from landing_days.day
            )
            and exists (
                from raw.coverage
                where client_id = $client_id and report = $report
                    and asset_id = $asset_id and part = $part
                    and coverage.day is not distinct from landing_days.day
                    and pulled_at > $pulled_at
            )
        """,
        scope(pull) | {"pulled_at": pull.pulled_at},
    )


def mark_pulled(connection: duckdb.DuckDBPyConnection, pull: Pull, load_seq: int) -> int:
    """Writes the coverage of an answer, whose rows are in `incoming`.

    A day of which rows are known, and which comes back empty without proof, is held: it keeps
    its rows and its coverage, with a failure that says why, and is taken out of `landing_days`.
    Returns how many days were held.
    """
    connection.execute(
        f"""
        create or replace temp table earlier as
        select * from raw.coverage where {in_scope("coverage")}
        """,
        scope(pull),
    )
    connection.execute(f"delete from raw.coverage where {in_scope('coverage')}", scope(pull))
    connection.execute(
        """
        insert into raw.coverage
        with counted as (
            select landing_days.day, count(incoming.entity_key) as row_count
            from landing_days
            left join incoming on incoming.day is not distinct from landing_days.day
            group by landing_days.day
        )
        select
            $client_id, $report, $asset_id, $part, counted.day,
            case
                when counted.row_count > 0 then 'pulled'
                when $proof is not null then 'confirmed_empty'
                else 'unconfirmed_empty'
            end,
            case
                when counted.row_count > 0 then $note
                else coalesce($proof, concat_ws('; ', 'Meta sent no rows', $note))
            end,
            counted.row_count, $pull_id, $pulled_at,
            case when is_silent_later then earlier.pulled_at
                when earlier.failed_at > $pulled_at then earlier.failed_at end,
            case when is_silent_later then earlier.reason || $kept
                when earlier.failed_at > $pulled_at then earlier.failure end,
            $load_seq
        from counted
        left join (
            select *, coalesce(pulled_at > $pulled_at, false) as is_silent_later from earlier
        ) as earlier on earlier.day is not distinct from counted.day
        """,
        scope(pull)
        | {"pull_id": pull.pull_id, "pulled_at": pull.pulled_at}
        | {"load_seq": load_seq, "kept": _KEPT, "note": pull.note, "proof": pull.proof},
    )
    if pull.report == PROOF_REPORT:
        _confirm_by_total(connection, pull)
        doubt_silence(connection, pull, load_seq)
    elif _is_proved_by_account(pull):
        confirm_by_account(connection, pull, load_seq)
    return _hold_unproved(connection, pull, load_seq)


def note_unanswered(connection: duckdb.DuckDBPyConnection, pull: Pull) -> None:
    """Writes into the ledger of which of its days the pull says nothing, after `mark_pulled`.

    Of these a newer answer had landed, or they came back empty without proof, whether or not rows
    were known. All others are what Meta said at the pull's time, also where that wrote no version.
    """
    if REPORTS[pull.report].grain != "day":
        return
    connection.execute(
        """
        update raw.pulls set unanswered_days = (
            select coalesce(list(days.day order by days.day), [])
            from (
                select unnest(generate_series($since::timestamp, $until, interval '1 day'))::date
                    as day
            ) as days
            where days.day not in (select landing_days.day from landing_days)
                or exists (
                    from raw.coverage as known
                    where known.client_id = $client_id and known.report = $report
                        and known.asset_id = $asset_id and known.part = $part
                        and known.day = days.day and known.status = 'unconfirmed_empty'
                )
        )
        where pull_id = $pull_id
        """,
        scope(pull) | {"since": pull.since, "until": pull.until, "pull_id": pull.pull_id},
    )


def _hold_unproved(connection: duckdb.DuckDBPyConnection, pull: Pull, load_seq: int) -> int:
    connection.execute(
        f"""
        create or replace temp table held as
        select day, reason from raw.coverage
        where {in_scope("coverage")} and status = 'unconfirmed_empty'
            and exists (
                from raw.records as record
                where record.client_id = $client_id and record.report = $report
                    and record.asset_id = $asset_id and record.part = $part
                    and record.day is not distinct from coverage.day
                    and record.valid_to is null
            )
        """,
        scope(pull),
    )
    is_held = "exists (from held where held.day is not distinct from {}.day)"
    connection.execute(
        f"delete from raw.coverage where {in_scope('coverage')} and {is_held.format('coverage')}",
        scope(pull),
    )
    connection.execute(
        """
        insert into raw.coverage
        select earlier.* replace (
            case when earlier.failed_at > $pulled_at then earlier.failed_at
                else $pulled_at end as failed_at,
            case when earlier.failed_at > $pulled_at then earlier.failure
                else held.reason || $kept end as failure,
            $load_seq as load_seq
        )
        from earlier inner join held on held.day is not distinct from earlier.day
        """,
        {"pulled_at": pull.pulled_at, "load_seq": load_seq, "kept": _KEPT},
    )
    connection.execute(f"delete from landing_days where {is_held.format('landing_days')}")
    row = connection.execute("select count(*) from held").fetchone()
    return row[0] if row else 0


def mark_failed(
    connection: duckdb.DuckDBPyConnection, pull: Pull, failure: str, load_seq: int
) -> None:
    """Writes the coverage of a failed pull: what had landed before stays, with the failure."""
    values = scope(pull) | {"failed_at": pull.pulled_at, "failure": failure, "load_seq": load_seq}
    connection.execute(
        f"""
        update raw.coverage
        set failed_at = $failed_at, failure = $failure, load_seq = $load_seq
        where {in_scope("coverage")} and status <> 'beyond_retention'
            and coalesce(failed_at <= $failed_at, true)
        """,
        values,
    )
    connection.execute(
        """
        insert into raw.coverage
        select
            $client_id, $report, $asset_id, $part, landing_days.day, 'failed', $failure,
            0, null, null, $failed_at, $failure, $load_seq
        from landing_days
        where not exists (
            from raw.coverage as known
            where known.client_id = $client_id and known.report = $report
                and known.asset_id = $asset_id and known.part = $part
                and known.day is not distinct from landing_days.day
        )
        """,
        values,
    )


def mark_beyond(
    connection: duckdb.DuckDBPyConnection, pull: Pull, reason: str, load_seq: int
) -> None:
    """Writes that Meta keeps days no longer. What landed before stays as it is.

    Only a later success takes the mark away, whichever lands first.
    """
    values = scope(pull) | {"reason": reason, "load_seq": load_seq}
    connection.execute(
        f"""
        update raw.coverage
        set status = 'beyond_retention', reason = $reason, failed_at = null, failure = null,
            load_seq = $load_seq
        where {in_scope("coverage")} and status = 'failed'
        """,
        values,
    )
    connection.execute(
        """
        insert into raw.coverage
        select
            $client_id, $report, $asset_id, $part, landing_days.day, 'beyond_retention', $reason,
            0, null, null, null, null, $load_seq
        from landing_days
        where not exists (
            from raw.coverage as known
            where known.client_id = $client_id and known.report = $report
                and known.asset_id = $asset_id and known.part = $part
                and known.day is not distinct from landing_days.day
        )
        """,
        values,
    )


def _is_proved_by_account(pull: Pull) -> bool:
    report = REPORTS[pull.report]
    return report.surface == "ads" and report.grain != "snapshot"


def _confirm_by_total(connection: duckdb.DuckDBPyConnection, pull: Pull) -> None:
    """The account's own empty days: believed when its rows make up the totals Meta gave.

    Without any row Meta gives no total; then the account object must have answered the token.
    """
    connection.execute(
        f"""
        update raw.coverage set
            status = 'confirmed_empty',
            reason = case when total.has_rows
                then 'the rows add up to the total that Meta gave for the range'
                else $silent end
        from answer_total as total
        where {in_scope("coverage")} and row_count = 0
            and coalesce(coverage.day between total.since and total.until, true)
            and total.is_complete
            and (total.has_rows or {_ACCOUNT_ANSWERS})
        """,
        scope(pull) | {"silent": _SILENT},
    )


def doubt_silence(connection: duckdb.DuckDBPyConnection, pull: Pull, load_seq: int) -> bool:
    """Takes back the belief in days of which the account gave nothing at all, where its own rows
    from before or a finer report show delivery: then Meta has answered one of them with silence.

    Returns whether there were any.
    """
    if pull.report not in (PROOF_REPORT, *_FINER_REPORTS):
        return False
    doubted = connection.execute(
        f"""
        update raw.coverage
        set status = 'unconfirmed_empty', load_seq = $load_seq, reason = doubt.reason
        from (
            select
                day,
                case when bool_or(report = '{PROOF_REPORT}')
                    then 'Meta sent no row of the account, which has shown delivery before'
                    else 'Meta sent no row of the account, and its parts show delivery'
                end as reason
            from raw.records
            where client_id = $client_id and asset_id = $asset_id
                and report = any($delivering) and day between $since and $until
                and valid_to is null and {_SHOWS_DELIVERY}
            group by day
        ) as doubt
        where coverage.client_id = $client_id and coverage.asset_id = $asset_id
            and coverage.report = '{PROOF_REPORT}' and coverage.day = doubt.day
            and coverage.status = 'confirmed_empty' and coverage.reason = $silent
        """,
        {
            "client_id": pull.client_id,
            "asset_id": pull.asset_id,
            "since": pull.since,
            "until": pull.until,
            "load_seq": load_seq,
            "silent": _SILENT,
            "delivering": [PROOF_REPORT, *_FINER_REPORTS],
        },
    ).fetchone()
    return bool(doubted and doubted[0])


def confirm_by_account(connection: duckdb.DuckDBPyConnection, pull: Pull, load_seq: int) -> None:
    """Settles the empty days of the account's finer reports around those of `pull`.

    They are believed when the account's own rows show no delivery either, on all the days that
    the empty one stands for: its own, its month, or the days up to it of a rolling report. What the
    account itself says of a range that begins before its first known day is believed as its days
    are: when the account object answers, and nothing that is known shows delivery.
    """
    connection.execute(
        f"""
        with account as (
            select
                proof.day,
                proof.status,
                bool_or(record.payload is not null and (
                    (record.payload->>'impressions') is distinct from '0'
                    or (record.payload->>'spend') is distinct from '0'
                    or (record.payload->>'clicks') is distinct from '0'
                    or (record.payload->'actions') is not null
                )) as is_active
            from raw.coverage as proof
            left join raw.records as record
                on record.client_id = proof.client_id and record.asset_id = proof.asset_id
                and record.report = proof.report and record.day = proof.day
                and record.valid_to is null
            where proof.client_id = $client_id and proof.asset_id = $asset_id
                and proof.report = '{PROOF_REPORT}'
            group by proof.day, proof.status
        ),
        gaps as (
            select
                gap.report, gap.part, gap.day,
                gap.day - {_ROLLING} + 1 as first_day,
                case when gap.report = any($months)
                    then least(last_day(gap.day), pull.until) else gap.day
                end as last_day,
                gap.report = any($own)
                and ({_ACCOUNT_ANSWERS} or gap.reason = $silent_range)
                and not exists (
                    from raw.records as record
                    where record.client_id = $client_id and record.asset_id = $asset_id
                        and record.report = gap.report and record.part = gap.part
                        and record.day = gap.day and record.valid_to is null
                ) as is_supported
            from raw.coverage as gap
            inner join raw.pulls as pull on pull.pull_id = gap.pull_id
            where gap.client_id = $client_id and gap.asset_id = $asset_id
                and gap.report <> '{PROOF_REPORT}' and gap.row_count = 0
                and gap.day >= date_trunc('month', $since::date)
                and gap.day - {_ROLLING} + 1 <= $until
        ),
        compared as (
            select
                gaps.report, gaps.part, gaps.day,
                count(account.day) = gaps.last_day - gaps.first_day + 1 as is_compared,
                bool_or(gaps.is_supported) as is_supported,
                coalesce(bool_or(account.is_active), false) as is_active,
                bool_or(account.status not in ('pulled', 'confirmed_empty')) as is_doubtful
            from gaps
            left join account on account.day between gaps.first_day and gaps.last_day
            group by gaps.report, gaps.part, gaps.day, gaps.first_day, gaps.last_day
        ),
        verdict as (
            select
                report, part, day,
                case
                    when (is_compared or is_supported) and not is_active and not is_doubtful
                    then 'confirmed_empty' else 'unconfirmed_empty'
                end as status,
                case
                    when is_active then 'Meta sent no rows, and the account shows delivery'
                    when not is_compared and is_supported and not is_doubtful then $silent_range
                    when not is_compared then 'Meta sent no rows; the account is not known'
                    when is_doubtful then 'Meta sent no rows, and none of the account either'
                    else 'the account shows no delivery either'
                end as reason
            from compared
        )
        update raw.coverage as gap
        set status = verdict.status, reason = verdict.reason, load_seq = $load_seq
        from verdict
        where gap.client_id = $client_id and gap.asset_id = $asset_id
            and gap.report = verdict.report and gap.part = verdict.part
            and gap.day = verdict.day
            and (gap.status, gap.reason) is distinct from (verdict.status, verdict.reason)
        """,
        {
            "client_id": pull.client_id,
            "asset_id": pull.asset_id,
            "since": pull.since,
            "until": pull.until,
            "load_seq": load_seq,
            "months": [name for name, report in REPORTS.items() if report.grain == "month"],
            "own": [name for name, report in REPORTS.items() if report.level == "account"],
            "silent_range": _SILENT_RANGE,
        },
    )
