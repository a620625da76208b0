"""The commands, typed. What they do lies elsewhere and is imported when they run."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from meta_pipeline.disk import hint_of, root_in_disk
from meta_pipeline.errors import ConfigError, MetaPipelineError

app = typer.Typer(
    name="meta-pipeline",
    help="Meta's paid and organic numbers in DuckDB, with how settled each one is.",
    no_args_is_help=True,
    add_completion=False,
    # Framed tracebacks print locals, and so tokens.
    pretty_exceptions_enable=False,
)

EXIT_FAILED, EXIT_USAGE, EXIT_PARTLY, EXIT_AUTH, EXIT_STALE, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 130

ClientOption = Annotated[
    list[str] | None, typer.Option("-c", "--client", help="Only this client; repeatable.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")
]


def main() -> None:
    """Runs a command and turns what went wrong into a message and an exit code."""
    try:
        app()
    except MetaPipelineError as error:
        _explain(error)
        raise SystemExit(_exit_code(error)) from None
    except SystemExit as stop:
        if stop.code == EXIT_INTERRUPTED:
            _say_interrupted()
        raise
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # DuckDB's way of raising it
            _say_interrupted()
            raise SystemExit(EXIT_INTERRUPTED) from None
        root = root_in_disk(error)
        if root is None:
            raise
        _explain(_trouble(root))
        raise SystemExit(EXIT_FAILED) from None


def _say_interrupted() -> None:
    print("interrupted; what had landed is kept", file=sys.stderr)


def _explain(error: MetaPipelineError) -> None:
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


def _trouble(root: BaseException) -> MetaPipelineError:
    """An error of a disk or a damaged file, with where it is and the next step."""
    what = " ".join(str(root).split())
    home = os.environ.get("META_PIPELINE_HOME") or "data"
    if type(root).__module__ == "sqlite3":  # does not say which file it is about
        what += f" (an SQLite file below {os.environ.get('DAGSTER_HOME') or home})"
    elif "/" not in what:
        what += f" (below {home})"
    return MetaPipelineError(what, hint=hint_of(what))


def _exit_code(error: MetaPipelineError) -> int:
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    # A `GraphError`'s kind; its module is not imported for the sake of `--help`.
    is_refused = getattr(error, "kind", "") in ("auth", "permission")
    return EXIT_AUTH if is_refused else EXIT_FAILED


@app.command()
def init(
    out: Annotated[
        Path | None, typer.Option(help="The file to write, instead of clients.yml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a first clients.yml: one client for each ad account that the token sees.

    Pages and their Instagram accounts go to the client of the same name; the others are listed
    in a comment. The token is read from META_ACCESS_TOKEN and written nowhere.
    """
    from meta_pipeline.cli.init import run_init

    raise typer.Exit(run_init(out, force=force))


@app.command()
def check(client: ClientOption = None, as_json: JsonOption = False) -> None:
    """Test each client's connection to Meta, and say what to do where it does not work.

    Stops at a client's first error. Exit codes: 0 fine (warnings allowed), 1 failed, 2 usage or
    config, 3 some clients failed, 4 token or permission.
    """
    from meta_pipeline.cli.check import run_check

    raise typer.Exit(run_check(client or [], as_json=as_json))


token_app = typer.Typer(
    name="token",
    help="Inspect access tokens, and exchange a short-lived one for one of 60 days.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(token_app)


@token_app.command("inspect")
def token_inspect(client: ClientOption = None, as_json: JsonOption = False) -> None:
    """Show whose each client's token is, when it ends, and what it may do; never the token.

    Exit code 4 when a token is not valid, or ends within three days.
    """
    from meta_pipeline.cli.token import run_inspect

    raise typer.Exit(run_inspect(client or [], as_json=as_json))


@token_app.command("exchange")
def token_exchange(
    show: Annotated[
        bool, typer.Option("--show", help="Print the token even onto a terminal.")
    ] = False,
) -> None:
    """Print a long-lived token for the short-lived one in META_ACCESS_TOKEN; its end on stderr.

    Needs META_APP_ID and META_APP_SECRET. Nothing is written anywhere else: redirect stdout into
    the file or secret store that keeps it.
    """
    from meta_pipeline.cli.token import run_exchange

    raise typer.Exit(run_exchange(show=show))


@app.command()
def sync(
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day to pull."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day to pull."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="One of Meta's date presets, such as last_30d.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out what landed in the last 6 hours.")
    ] = False,
    client: ClientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull, build and publish. Without a range: the days that are due to be pulled again.

    Each day is due daily for a week, then week by week when it is 14 and 28 days old, and until
    that has landed; a client that settles faster or slower is asked less or more.

    Days are calendar days in each ad account's time zone, both ends included. Re-running is
    always safe. Exit codes: 0 done, 1 failed, 2 usage or config, 3 some clients failed,
    4 token or permission.
    """
    from meta_pipeline.cli.sync import run_sync

    code = run_sync(
        since=since.date() if since else None,
        until=until.date() if until else None,
        preset=preset,
        client_ids=client or [],
        as_json=as_json,
        resume=resume,
    )
    raise typer.Exit(code)


@app.command()
def backfill(
    since: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day."),
    ],
    until: Annotated[
        datetime,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day."),
    ],
    report: Annotated[
        list[str] | None,
        typer.Option("--report", metavar="NAME", help="Only this report; repeatable."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also for what has landed already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost; ask Meta nothing.")
    ] = False,
    client: ClientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull history: what is missing of these days, in as few runs as can be.

    What has landed and is not due to be pulled again is left out, so the same command goes on
    after an interruption, a quota that ran out, or a failure. Then the marts are built and
    published. Exit codes as of sync.
    """
    from meta_pipeline.cli.backfill import run_backfill

    code = run_backfill(
        since=since.date(),
        until=until.date(),
        client_ids=client or [],
        report_names=report or [],
        again=again,
        dry_run=dry_run,
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command()
def status(client: ClientOption = None, as_json: JsonOption = False) -> None:
    """Show how far each client's numbers go and how settled they are.

    Reads marts.duckdb only. Exit code 5 when a client has not been pulled for 27 hours.
    """
    from meta_pipeline.cli.status import run_status

    raise typer.Exit(run_status(client or [], as_json=as_json))


alerts_app = typer.Typer(
    name="alerts",
    help="Try the channels on which Dagster's sensors tell of failures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(alerts_app)


@alerts_app.command("test")
def alerts_test(as_json: JsonOption = False) -> None:
    """Send a test message over every channel of clients.yml, and show what came back.

    Exit codes: 0 all of them took it, 1 one did not, 2 clients.yml names no channel, or a
    variable is missing.
    """
    from meta_pipeline.cli.alerts import run_test

    raise typer.Exit(run_test(as_json=as_json))


@app.command()
def reload() -> None:
    """Rebuild the warehouse from the spool alone, without asking Meta, then the marts."""
    from meta_pipeline.cli.sync import run_reload

    raise typer.Exit(run_reload())


@app.command("export")
def export_marts(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder to write.")],
    mart: Annotated[
        list[str] | None, typer.Option("-m", "--mart", help="Only this mart; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the marts as Parquet: a folder each, partitioned by client.

    Reads marts.duckdb only. An older export in the folder is replaced, mart by mart; a folder
    that holds anything else is refused.
    """
    from meta_pipeline.cli.export import run_export

    raise typer.Exit(run_export(to, mart or [], as_json=as_json))


@app.command()
def report(
    month: Annotated[
        datetime,
        typer.Option("--month", formats=["%Y-%m"], metavar="MONTH", help="Such as 2026-10."),
    ],
    client: ClientOption = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMATS", help="html, pdf, or html,pdf.")
    ] = "html",
    allow_provisional: Annotated[
        bool,
        typer.Option("--allow-provisional", help="Report a month that is not final; marked so."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to write.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write each client's report of a month, as one page that needs nothing else.

    Reads marts.duckdb only. A month whose figures can still change is refused, with the date on
    which it settles. Exit codes: 0 all written, 1 none, 2 usage or config, 3 some.
    """
    from meta_pipeline.cli.report import run_report

    code = run_report(
        month.date().replace(day=1),
        client or [],
        form=form,
        is_provisional_allowed=allow_provisional,
        out=out,
        as_json=as_json,
    )
    raise typer.Exit(code)


@app.command()
def dashboard(
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Where to write, instead of the pipeline's home."),
    ] = None,
    client: ClientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page with every client's figures, trends, campaigns and freshness.

    It works from disk, without a network; its path is printed. Beyond 5 MB it becomes an index
    and a page a client in a folder beside it. Reads marts.duckdb only.
    """
    from meta_pipeline.cli.dashboard import run_dashboard

    raise typer.Exit(run_dashboard(out, client or [], as_json=as_json))


@app.command()
def docs() -> None:
    """Write one HTML page with every model, column, test and formula, and how they hang together.

    Its path is printed; it needs no network. Reads the warehouse, so it waits for its writer.
    """
    from meta_pipeline.cli.docs import run_docs

    raise typer.Exit(run_docs())


@app.command()
def compact(
    older_than: Annotated[
        int,
        typer.Option(
            "--older-than", min=1, metavar="DAYS", help="Drop what was superseded so long ago."
        ),
    ] = 400,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dropped, and drop nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Drop row versions that were superseded long ago, and shrink the warehouse's file.

    Newest versions stay, and so does all that is known of the account by day and of objects. What
    was known before that time of anything else can no longer be asked. The spool stays as it is:
    `reload` brings the dropped versions back.
    """
    from meta_pipeline.cli.compact import run_compact

    raise typer.Exit(run_compact(older_than, is_dry=dry_run, as_json=as_json))


@app.command()
def backup(
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Copy all data into a folder, while the pipeline runs: spool, warehouse, marts, settings.

    Waits for the writer and holds its lock while the warehouse is copied. No token is in a backup.
    """
    from meta_pipeline.cli.backup import run_backup

    raise typer.Exit(run_backup(to))


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", metavar="DIR", help="What `backup` made.")],
) -> None:
    """Put a backup into an empty META_PIPELINE_HOME, each file held against its hash."""
    from meta_pipeline.cli.backup import run_restore

    raise typer.Exit(run_restore(source))


@app.command()
def demo(
    replay: Annotated[
        Path | None,
        typer.Option(help="Serve the rows of this CSV export instead of generated clients."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="YAML that maps the CSV's columns; else it is guessed.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, max=50, help="Generated clients.")] = 3,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days to pull.")] = 60,
    seed: Annotated[int, typer.Option(help="Another seed makes another agency.")] = 7,
) -> None:
    """Run the whole pipeline on the bundled simulator and show what comes out."""
    from meta_pipeline.cli.demo import run_demo

    raise typer.Exit(
        run_demo(replay=replay, mapping=mapping, clients=clients, days=days, seed=seed)
    )


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8787,
    seed: Annotated[int, typer.Option(help="Another seed makes another agency.")] = 7,
    clients: Annotated[int, typer.Option(min=1, help="Generated clients.")] = 3,
    campaigns: Annotated[int | None, typer.Option(min=1, help="Campaigns an account.")] = None,
    adsets: Annotated[int | None, typer.Option(min=1, help="Ad sets a campaign.")] = None,
    ads: Annotated[int | None, typer.Option(min=1, help="Ads an ad set.")] = None,
    today: Annotated[
        str | None, typer.Option(help="ISO day or time at which the clock stands still.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="Serve the rows of this CSV export instead of generated clients."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="YAML that maps the CSV's columns; else it is guessed.")
    ] = None,
    clock_rate: Annotated[
        float | None, typer.Option(min=0, help="Simulated seconds in a second.")
    ] = None,
    enforce_quotas: Annotated[
        bool, typer.Option("--enforce-quotas", help="Refuse calls over Meta's limits.")
    ] = False,
    access_tier: Annotated[
        str | None, typer.Option(help="development_access (Limited) or standard_access (Full).")
    ] = None,
    quota_scale: Annotated[
        float | None, typer.Option(help="Multiplies every limit, e.g. 0.01 to reach one soon.")
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option(min=0, help="Larger synchronous insights are refused.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other switch; repeatable."),
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(metavar="JSON", help='A fault to begin with, {"case": ...}; repeatable.'),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(metavar="JSON", help="What becomes of an asynchronous report; repeatable."),
    ] = None,
) -> None:
    """Serve Meta's Graph API on loopback, with data of its own.

    Point the pipeline at it with META_GRAPH_URL=http://127.0.0.1:PORT and any
    META_ACCESS_TOKEN. Outside the API, /_simulator/clock moves the time,
    /_simulator/truth answers what the final totals are, /_simulator/clients
    lists the clients, /_simulator/fail makes calls fail, and /_simulator/settings
    shows and changes every switch. docs/simulator.md has them all.
    """
    from meta_pipeline.cli.simulate import run_simulate

    run_simulate(
        port=port,
        seed=seed,
        clients=clients,
        shape={"campaigns": campaigns, "adsets": adsets, "ads": ads},
        today=today,
        replay=replay,
        mapping=mapping,
        clock_rate=clock_rate,
        switches={
            "enforce_quotas": enforce_quotas or None,
            "access_tier": access_tier,
            "quota_scale": quota_scale,
            "max_rows": max_rows,
        },
        settings=settings or [],
        faults=fail or [],
        runs=run or [],
    )


# Dagster and dbt phone home unless told not to, before they are imported.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
