"""From the spool into the warehouse: one pull, one transaction.

A pull's pages are exploded into rows, each row is compared with its newest version, and what
changed or vanished is closed and what is new is opened. An identical pull writes no row.
"""

import logging
from dataclasses import dataclass, replace

import duckdb
import msgspec

from meta_pipeline.dates import Span
from meta_pipeline.errors import MetaPipelineError
from meta_pipeline.landing import coverage
from meta_pipeline.landing.explode import incoming_rows, note_total
from meta_pipeline.landing.schema import next_load
from meta_pipeline.landing.spool import (
    BEYOND_RETENTION,
    DamagedPageError,
    Manifest,
    Pull,
    PullFailure,
    Spool,
)
from meta_pipeline.reports import REPORTS
from meta_pipeline.warehouse import transaction

log = logging.getLogger(__name__)


DAMAGED = "damaged"
"""The kind of failure of a pull whose pages are not what was written."""

# What DuckDB raises at pages that are not what they should be. All else (want of memory, a full
# disk, a fault of its own) says nothing of the pull, which lands when that is over.
_UNREADABLE = (duckdb.DataError, duckdb.InvalidInputException)

# Members of a pull that the ledger has in its manifest alone.
_TOLD = ("note", "proof")


class LandingError(MetaPipelineError):
    """A pull that cannot be landed as it is: its rows contradict the report that was asked."""

    kind = "contradiction"


class DamagedPullError(LandingError):
    """A pull whose pages cannot be read any more."""

    kind = DAMAGED


@dataclass(frozen=True, slots=True)
class Landed:
    """What a load did. `rows` were in the answer for the days kept; the rest is versions.

    `span` are the days that the pull speaks for, None for a snapshot.
    """

    pull_id: str
    status: str
    rows: int = 0
    opened: int = 0
    closed: int = 0
    failure: PullFailure | None = None
    span: Span | None = None


def load(connection: duckdb.DuckDBPyConnection, spool: Spool, manifest: Manifest) -> Landed:
    """Lands one pull. All of it, or, when anything raises, nothing.

    A failed pull is written into the ledger and the coverage, and changes no row. An answer
    older than one that has landed for the same days is `superseded`: kept in the spool and
    the ledger, its rows not used. Rows that contradict their report make the pull a failed
    one; what DuckDB lacks for it (memory, room) is raised. What was not asked, since the answer is
    known, is `not_asked`. A pull that has landed already is left as it is.
    """
    known = _known(connection, manifest)
    if known is not None:
        return known
    try:
        with transaction(connection):
            return _land(connection, spool, manifest)
    except LandingError as error:
        log.error("%s", error)
        failure = PullFailure(kind=error.kind, message=error.message, hint=error.hint)
        with transaction(connection):
            return _land(connection, spool, msgspec.structs.replace(manifest, failure=failure))


def _known(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Landed | None:
    """How the pull has landed already, by this process or another, if it has."""
    pull_id = manifest.pull.pull_id
    row = connection.execute(
        "select status, row_count, manifest->'failure' from raw.pulls where pull_id = ?", [pull_id]
    ).fetchone()
    if row is None:
        return None
    status, rows, told = row
    failure = msgspec.json.decode(told, type=PullFailure | None)
    return Landed(pull_id, status, rows, failure=failure, span=_span(manifest.pull))


def _span(pull: Pull) -> Span | None:
    return Span(pull.since, pull.until) if pull.since and pull.until else None


def _land(connection: duckdb.DuckDBPyConnection, spool: Spool, manifest: Manifest) -> Landed:
    pull, failure = manifest.pull, manifest.failure
    days = coverage.open_days(connection, pull)
    if failure is not None:
        status = "not_asked" if failure.is_expected else "failed"
        landed = Landed(pull.pull_id, status, failure=failure, span=_span(pull))
    elif not days:
        landed = Landed(pull.pull_id, "superseded", span=_span(pull))
    else:
        rows = _read_rows(connection, spool, manifest)
        landed = Landed(pull.pull_id, "complete", rows, span=_span(pull))
    load_seq = _enter_pull(connection, manifest, landed)
    if failure is not None and failure.kind == BEYOND_RETENTION and failure.is_expected:
        coverage.mark_beyond(connection, pull, failure.message, load_seq)
    elif failure is not None:
        coverage.mark_failed(connection, pull, failure.message, load_seq)
    if landed.status == "complete":
        held = coverage.mark_pulled(connection, pull, load_seq)
        coverage.note_unanswered(connection, pull)
        opened, closed = _renew_versions(connection, pull)
        is_proof = pull.report == coverage.PROOF_REPORT
        if is_proof or (opened and coverage.doubt_silence(connection, pull, load_seq)):
            coverage.confirm_by_account(connection, pull, load_seq)
        landed = replace(landed, opened=opened, closed=closed, failure=_unproved(pull, held))
        if held:
            _enter_failure(connection, manifest, landed)
    return landed


def _unproved(pull: Pull, days: int) -> PullFailure | None:
    if not days:
        return None
    what = f"{pull.report} {pull.part}".strip()
    return PullFailure(
        kind="unproved",
        message=f"{what} of {pull.asset_id}: {days} days came back empty without proof; "
        "the figures from before are kept",
        hint="check what the token may see (Pages: read_insights), then run the command again",
    )


def _read_rows(connection: duckdb.DuckDBPyConnection, spool: Spool, manifest: Manifest) -> int:
    """Fills `incoming` with the rows of the days that may land, and counts them."""
    pull = manifest.pull
    try:
        with spool.intact_pages(manifest) as pages:
            incoming_rows(connection, REPORTS[pull.report], pull, manifest.requests, pages)
            if pull.report == coverage.PROOF_REPORT:
                note_total(connection, manifest.requests, pages)
    except (DamagedPageError, *_UNREADABLE) as error:
        raise DamagedPullError(
            f"{pull.report} of {pull.asset_id} (pull {pull.pull_id}) cannot be read: {error}",
            hint=f"nothing of it was landed; Meta is asked again by `{_command(pull)}`",
        ) from None
    _refuse_contradictions(connection, manifest)
    connection.execute(
        """
        delete from incoming where not exists (
            from landing_days where landing_days.day is not distinct from incoming.day
        )
        """
    )
    coverage.drop_older_silence(connection, pull)
    rows = connection.execute("select count(*) from incoming").fetchone()
    return rows[0] if rows else 0


def _command(pull: Pull) -> str:
    """What a person types to have the same asked again."""
    whose = f"-c {pull.client_id}"
    if pull.since is None:
        return f"meta-pipeline sync {whose}"
    days = f"--from {pull.since} --to {pull.until}"
    return f"meta-pipeline backfill {days} --report {pull.report} {whose} --again"


def _renew_versions(connection: duckdb.DuckDBPyConnection, pull: Pull) -> tuple[int, int]:
    """Closes what `incoming` changes or lacks, opens what is new in it: how many of each."""
    values = coverage.scope(pull) | {"pulled_at": pull.pulled_at}
    closed = _changed(
        connection.execute(
            f"""
            update raw.records as old set valid_to = $pulled_at
            where {coverage.in_scope("old")}
                and old.valid_to is null
                and not exists (
                    from incoming as new
                    where new.day is not distinct from old.day
                        and new.entity_key = old.entity_key
                        and new.payload_hash = old.payload_hash
                )
            """,
            values,
        )
    )
    opened = _changed(
        connection.execute(
            """
            insert into raw.records
            select
                $client_id, $report, $asset_id, $part, new.day, new.entity_key,
                new.payload, new.payload_hash, $pull_id, $pulled_at, null
            from incoming as new
            where not exists (
                from raw.records as old
                where old.client_id = $client_id and old.report = $report
                    and old.asset_id = $asset_id and old.part = $part
                    and old.day is not distinct from new.day
                    and old.entity_key = new.entity_key
                    and old.valid_to is null
            )
            """,
            values | {"pull_id": pull.pull_id},
        )
    )
    return opened, closed


def _changed(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0


def _refuse_contradictions(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Raises `LandingError` for a row without its key, one key with two contents, or a row that
    answers another question: another account's, metric's, or of other days than asked.

    Padded days are looked at as well, but by section: they are cut short, each in its own way.
    """
    pull = manifest.pull
    where = f"{pull.report} of {pull.asset_id} (pull {pull.pull_id})"
    faulty = connection.execute(
        """
        with rows as (
            select distinct section, day, entity_key, payload, is_keyed, is_asked from sent
        )
        select
            count(*) filter (where not is_keyed),
            count(*) - count(distinct (section, day, entity_key))
                + (from incoming select count(*) - count(distinct (day, entity_key))),
            any_value(payload) filter (where not is_keyed),
            count(*) filter (where not is_asked),
            any_value(payload) filter (where not is_asked)
        from rows
        """
    ).fetchone()
    unkeyed, doubled, example, strange, stranger = faulty or (0, 0, None, 0, None)
    if unkeyed:
        raise LandingError(
            f"{where}: {unkeyed} rows lack a key field or a day; one is {str(example)[:300]}",
            hint="nothing was landed; the pages are in the spool",
        )
    if strange:
        raise LandingError(
            f"{where}: {strange} rows are about another account, metric or range of days than "
            f"was asked; one is {str(stranger)[:300]}",
            hint="nothing was landed; run the same command again, and if it stays, report it",
        )
    if doubled:
        raise LandingError(
            f"{where}: {doubled} rows repeat another row's key with other figures",
            hint="Meta's pages shifted while they were read; run the same command again",
        )


def _enter_pull(connection: duckdb.DuckDBPyConnection, manifest: Manifest, landed: Landed) -> int:
    """Writes the ledger entry and returns its load number."""
    pull, requests = manifest.pull, manifest.requests
    served = {r.headers.get("facebook-api-version") for r in requests} - {None}
    warnings = {r.headers.get("x-ad-api-version-warning") for r in requests} - {None}
    load_seq = next_load(connection)
    connection.execute(
        """
        insert into raw.pulls
        select
            $pull_id, $client_id, $report, $asset_id, $part, $since, $until,
            $requested_since, $requested_until, $pulled_at, $status, $api_version,
            $served_version, $version_warning, $requests, $bytes, $row_count,
            $manifest::json, $error, $load_seq, null
        """,
        {
            **{name: getattr(pull, name) for name in pull.__struct_fields__ if name not in _TOLD},
            "status": landed.status,
            "served_version": ", ".join(sorted(filter(None, served))) or None,
            "version_warning": "; ".join(sorted(filter(None, warnings))) or None,
            "requests": len(requests),
            "bytes": sum(request.bytes for request in requests),
            "row_count": landed.rows,
            "manifest": msgspec.json.encode(manifest).decode(),
            "error": manifest.failure.message if manifest.failure else None,
            "load_seq": load_seq,
        },
    )
    return load_seq


def _enter_failure(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, landed: Landed
) -> None:
    """Writes into the ledger entry what became clear only while the pull landed."""
    told = msgspec.structs.replace(manifest, failure=landed.failure)
    connection.execute(
        "update raw.pulls set manifest = ?::json where pull_id = ?",
        [msgspec.json.encode(told).decode(), landed.pull_id],
    )
