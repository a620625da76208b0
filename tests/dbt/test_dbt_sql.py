"""Rules that the SQL of the project keeps."""

import re
from pathlib import Path

import pytest
from dbt_warehouse import PROJECT

MODELS = sorted(PROJECT.glob("models/**/*.sql"))
SQL = sorted(
    p for folder in ("models", "macros", "tests") for p in PROJECT.glob(f"{folder}/**/*.sql")
)


@pytest.mark.parametrize("path", SQL, ids=lambda p: p.stem)
def test_no_model_reads_a_clock(path: Path) -> None:
    """The same warehouse gives the same marts at any time."""
    clock = re.compile(r"\b(now\s*\(|current_date|current_timestamp|today\s*\(|run_started_at)")
    assert clock.findall(path.read_text(encoding="utf-8").lower()) == []


def whole_models() -> dict[str, str]:
    """The macros that are a whole model each, with their SQL, by what a model calls them."""
    macro = re.compile(r"\{% macro (\w+)\(.*?-%\}\n(.*?)\{%- endmacro %\}", re.S)
    models: dict[str, str] = {}
    for path in PROJECT.glob("macros/*.sql"):
        for found in macro.finditer(path.read_text(encoding="utf-8")):
            if "select * from final" in found[2]:
                models[found[1]] = found[2]
    # These only fill in report_rows.
    for wrapper in ("insight_rows", "object_versions"):
        models[wrapper] = models["report_rows"]
    return models


WHOLE_MODELS = whole_models()


def test_whole_models_are_found() -> None:
    """The rule below looks into the macros that models are made of."""
    assert {"ad_fact", "object_history", "organic_fact", "report_rows"} <= set(WHOLE_MODELS)


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_models_end_with_their_last_cte(path: Path) -> None:
    """One shape for all models: imports first, final last."""
    text = path.read_text(encoding="utf-8")
    for call, macro in WHOLE_MODELS.items():
        if f" {call}(" in text:
            text = macro
    assert text.rstrip().splitlines()[-1] == "select * from final"


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_models_reference_each_source_once(path: Path) -> None:
    """Every ref or source is imported once, by one CTE."""
    refs = re.findall(r"\{\{\s*((?:ref|source)\([^)]*\))", path.read_text(encoding="utf-8"))
    assert len(refs) == len(set(refs))
