"""How a CSV file is to be read: the mapping file and its checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

BUNDLED = Path(__file__).parent / "mappings"
NEEDED = ("day", "ad_id", "campaign_id", "adset_id", "impressions", "clicks", "spend")
OPTIONAL = ("age", "gender")
_CLIENT_KEYS = ("id", "name", "account_id", "account_name", "currency", "timezone", "result")


class ReplayError(ValueError):
    """A CSV file or its mapping cannot be used; the message says where and why."""


@dataclass(frozen=True, kw_only=True)
class CsvMapping:
    """A checked mapping file."""

    path: Path
    columns: Mapping[str, str]
    date_format: str
    actions: Mapping[str, str]
    values: Mapping[str, str]
    recode: Mapping[str, Mapping[str, str]]
    missing_id: str
    constants: Mapping[str, str]
    client: Mapping[str, str]

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Every column of the CSV file that this mapping names."""
        return (*self.columns.values(), *self.actions.values(), *self.values.values())


def read_mapping(path: Path) -> CsvMapping:
    """Read and check a mapping file.

    Raises:
        ReplayError: if the file is missing, is no YAML, or lacks a key.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReplayError(f"mapping file not found: {path}") from None
    except yaml.YAMLError as error:
        raise ReplayError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise ReplayError(f"{path}: expected a mapping with the keys columns, client, ...")
    columns = _section(path, found, "columns")
    _require(path, "columns", columns, NEEDED)
    if unknown := sorted(set(columns) - {*NEEDED, *OPTIONAL}):
        raise ReplayError(f"{path}: columns: unknown key {unknown[0]!r}")
    client = _section(path, found, "client")
    _require(path, "client", client, _CLIENT_KEYS)
    _check_client(path, client)
    return CsvMapping(
        path=path,
        columns=columns,
        date_format=str(found.get("date_format", "%Y-%m-%d")),
        actions=_section(path, found, "actions"),
        values=_section(path, found, "values"),
        recode={k: dict(v) for k, v in (found.get("recode") or {}).items()},
        missing_id=str(found.get("missing_id", "unknown")),
        constants=_section(path, found, "constants"),
        client=client,
    )


def mapping_for(header: Sequence[str], path: Path | None, csv_path: Path) -> CsvMapping:
    """The mapping to use for a CSV file with this header.

    Args:
        header: the column names of the file.
        path: the mapping file asked for; None takes the bundled one whose columns all occur.
        csv_path: the CSV file, for messages.

    Raises:
        ReplayError: if no bundled mapping fits, or a column the mapping names is missing.
    """
    if path is not None:
        chosen = read_mapping(path)
        for column in chosen.needed_columns:
            if column not in header:
                raise ReplayError(
                    f"{csv_path}: no column {column!r}, which {path} names; "
                    f"the file has {', '.join(header)}"
                )
        return chosen
    for bundled in sorted(BUNDLED.glob("*.yml")):
        candidate = read_mapping(bundled)
        if set(candidate.needed_columns) <= set(header):
            return candidate
    raise ReplayError(
        f"{csv_path}: no bundled mapping fits the columns {', '.join(header)}; "
        "write one and pass it with --mapping"
    )


def _section(path: Path, found: Mapping[str, Any], name: str) -> dict[str, str]:
    section = found.get(name) or {}
    if not isinstance(section, dict):
        raise ReplayError(f"{path}: {name} must be a mapping")
    return {str(key): str(value) for key, value in section.items()}


def _require(path: Path, name: str, section: Mapping[str, str], keys: Sequence[str]) -> None:
    for key in keys:
        if not section.get(key):
            raise ReplayError(f"{path}: {name}.{key} is missing")


def _check_client(path: Path, client: Mapping[str, str]) -> None:
    if not client["account_id"].startswith("act_"):
        raise ReplayError(f"{path}: client.account_id must begin with act_")
    try:
        ZoneInfo(client["timezone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise ReplayError(f"{path}: client.timezone {client['timezone']!r} is unknown") from None
