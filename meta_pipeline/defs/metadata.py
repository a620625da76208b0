"""What the UI shows beside assets and their partitions."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from meta_pipeline.defs.resources import Warehouse
from meta_pipeline.landing import DayFacts, create_schema, facts_of_days
from meta_pipeline.quality import (
    Plot,
    Result,
    data_uri,
    settling_picture,
    spend_picture,
)
from meta_pipeline.reports import Report
from meta_pipeline.warehouse import reading_marts

Metadata = dict[str, Any]

SHOWN = 50
"""Rows of a table that the UI is given."""


def partition_metadata(
    warehouse: Warehouse, report: Report, keys: Iterable[Any]
) -> dict[Any, Metadata]:
    """What is known of each partition: rows, pull, maturity; of one never asked for, nothing."""
    by_key = {key: _client_and_day(report, key) for key in keys}
    with warehouse.get_connection() as connection:
        create_schema(connection)  # where nothing was ever asked, nothing has made it
        facts = facts_of_days(connection, report, by_key.values())
    return {key: _told(facts[place]) for key, place in by_key.items() if place in facts}


def _client_and_day(report: Report, key: Any) -> tuple[str, date | None]:
    if report.grain == "snapshot":
        return str(key), None
    dimensions: Mapping[str, str] = key.keys_by_dimension
    return dimensions["client"], date.fromisoformat(dimensions[report.grain])


def _told(facts: DayFacts) -> Metadata:
    told: Metadata = {
        "dagster/partition_row_count": facts.rows,
        "coverage": facts.coverage,
        "api_version_served": ", ".join(facts.versions) or "none",
        # One question brings many days: its cost is told with each, and must not be added up.
        "requests_of_its_pulls": facts.requests,
        "bytes_of_its_pulls": facts.bytes,
    }
    if facts.pulled_at is not None:
        told["pulled_at"] = dg.MetadataValue.timestamp(facts.pulled_at)
    if facts.maturity is not None and facts.age_hours is not None:
        told |= {"maturity": facts.maturity, "age_hours": facts.age_hours}
    return told


def pictures(marts: Path) -> Metadata:
    """What was spent and how figures settle, from the published marts."""
    with reading_marts(marts) as connection:
        plots = {
            "spend": spend_picture(connection),
            "settling": settling_picture(connection),
        }
    return {name: picture(plot) for name, plot in plots.items() if plot is not None}


def result_table(result: Result) -> dg.TableMetadataValue:
    """The rows of a check, at most `SHOWN` of them."""
    schema = dg.TableSchema([dg.TableColumn(column) for column in result.columns])
    records = [
        dg.TableRecord(
            {
                column: "" if cell is None else cell
                for column, cell in zip(result.columns, row, strict=True)
            }
        )
        for row in result.rows[:SHOWN]
    ]
    return dg.TableMetadataValue(records, schema=schema)


def picture(plot: Plot) -> dg.MarkdownMetadataValue:
    """The plot as a picture that the UI shows by itself, from no other address."""
    return dg.MetadataValue.md(f"![{plot.title}]({data_uri(plot)})")
