"""What the errors of disks, memory and damaged files mean, whoever raises them.

Python, SQLite (Dagster's files, quotas) and DuckDB say the same in words of their own, and Dagster
wraps them; what they have in common is their text.
"""

from collections.abc import Iterator

_FULL = (
    "make room, then run the same command again; what had landed is kept, and old "
    "warehouse.<time>.duckdb files may be deleted"
)
_READ_ONLY = (
    "let this user write there, or set META_PIPELINE_HOME (and DAGSTER_HOME) to another folder, "
    "then run the same command again"
)
_BROKEN = "look at the disk (dmesg); a backup is put back with `meta-pipeline restore`"
_DAMAGED_WAREHOUSE = (
    "`meta-pipeline reload` rebuilds the warehouse from the spool, and keeps the broken file "
    "beside it"
)

_NO_MEMORY = (
    "let less run beside it, or give the machine more memory (DuckDB takes up to 80 % of it), then "
    "run the same command again; what had landed is kept"
)
_FAULT = "run the same command again; if it comes again, report it with this text"

# Lower case text of an error -> the next step.
_HINTS = {
    "no space left on device": _FULL,
    "database or disk is full": _FULL,
    "disk quota exceeded": _FULL,
    "read-only file system": _READ_ONLY,
    "readonly database": _READ_ONLY,
    "unable to open database file": _READ_ONLY,
    "permission denied": _READ_ONLY,
    "disk i/o error": _BROKEN,
    "input/output error": _BROKEN,
    "database disk image is malformed": _BROKEN,
    "corrupt database file": _DAMAGED_WAREHOUSE,
    "not a valid duckdb database": _DAMAGED_WAREHOUSE,
    "database has been invalidated": _DAMAGED_WAREHOUSE,
    "failed to load metadata pointer": _DAMAGED_WAREHOUSE,
    # What DuckDB's errors begin with, where the rest of them is not known.
    "out of memory error:": _NO_MEMORY,
    "io error:": _BROKEN,
    "internal error:": _FAULT,
    "fatal error:": _FAULT,
}


def hint_of(text: str) -> str | None:
    """The next step where the text of an error speaks of a disk, memory or a damaged file."""
    lower = text.lower()
    return next((hint for words, hint in _HINTS.items() if words in lower), None)


def root_in_disk(error: BaseException) -> BaseException | None:
    """The innermost of an error and those behind it that speaks of a disk, or None."""
    return next((one for one in reversed(list(_chain(error))) if hint_of(str(one))), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
