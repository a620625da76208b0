"""Marts made up for the checks: the columns they read, and days that are good unless told."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

_TABLES = """
create table dim_clients (client_id text, is_active boolean);
create table dim_ad_accounts (client_id text, ad_account_id text, is_active boolean);
create table mart_freshness (
    client_id text, ad_account_id text, day date, is_active boolean, coverage text, reason text,
    maturity text, pulled_at timestamptz, settles_at timestamptz
);
create table mart_coverage (
    client_id text, asset_id text, day date, report text, coverage text, reason text,
    is_asked boolean, maturity text, pulled_at timestamptz, settles_at timestamptz
);
create table mart_reconciliation (
    client_id text, ad_account_id text, day date, grain text, metric text, gap_share double,
    is_within boolean, likely_reason text, maturity text, settles_at timestamptz
);
create table fct_restatements (
    client_id text, ad_account_id text, day date, metric text, checkpoint_days integer,
    value decimal(18, 6), age_hours double, pulled_at timestamptz,
    previous_checkpoint_days integer
);
create table mart_settling_curves (
    client_id text, metric text, age_days integer, share double, share_low double,
    share_high double, basis text
);
create table mart_spend_anomalies (
    client_id text, ad_account_id text, day date, account_currency text, spend decimal(18, 6),
    usual_spend decimal(18, 6), z_score double, anomaly text, is_newest boolean,
    settles_at timestamptz
);
create table mart_spend_trends (
    client_id text, ad_account_id text, day date, account_currency text,
    spend decimal(18, 6)
);
create table mart_api_versions (
    client_id text, asset_id text, report text, asked_version text, served_version text,
    version_warning text, pulled_at timestamptz
);
insert into dim_clients values ('acme', true), ('bolt', true), ('gone', false);
insert into dim_ad_accounts values
    ('acme', 'act_1', true), ('bolt', 'act_1', true), ('gone', 'act_1', false),
    ('acme', 'act_left', false);
"""


class Marts:
    """Marts in memory: clients acme and bolt, a former one, gone, and a former account of acme."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(_TABLES)

    def add(self, table: str, **values: Any) -> None:
        """A row; columns that are not named are as in a row that nothing is wrong with."""
        defaults: dict[str, Any] = {"client_id": "acme", "ad_account_id": "act_1"}
        defaults |= {"asset_id": "act_1", "coverage": "pulled", "maturity": "final"}
        defaults |= {"pulled_at": NOW - timedelta(hours=2), "account_currency": "USD"}
        defaults |= {"is_asked": True, "is_active": True, "is_newest": True, "basis": "client"}
        if "day" in values:
            defaults["settles_at"] = ended(values["day"]) + timedelta(days=28)
        columns = [
            name
            for (name,) in self.connection.execute(
                "select column_name from duckdb_columns() where table_name = ?", [table]
            ).fetchall()
        ]
        row = {name: (defaults | values).get(name) for name in columns}
        assert values.keys() <= row.keys()
        marks = ", ".join(f"${name}" for name in row)
        self.connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", row)


def ended(day: date) -> datetime:
    """The end of a day of an account in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def ago(days: int) -> date:
    """The day so many days before today; yesterday ended 12 hours ago."""
    return NOW.date() - timedelta(days=days)
