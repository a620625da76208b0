"""Ends the runs that a code server left behind: `python -m meta_pipeline.defs.orphans`.

Runs that the UI, schedules and backfills start are processes of the code server. It tells when one
of them dies; when it is killed itself, or the machine goes down, nobody does: such runs stay
"started" in Dagster, hold their pool slots for ever, and every later run waits for those. Dagster's
run monitoring cannot tell, since the default run launcher does not ask its processes.

So this runs before a code server starts, when none of its runs can be alive. Runs of the command
line are left alone: the next command, or `Launcher`, ends those whose process is gone.
"""

import dagster as dg

from meta_pipeline.defs.partitions import LAUNCHER_TAG

_BEGUN = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Marks begun runs as failed and frees their pool slots; their ids.

    Only for a moment at which no code server of this instance runs.
    """
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_BEGUN)):
        if LAUNCHER_TAG not in run.tags:
            instance.report_run_failed(run, "the code server that ran this is gone")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


if __name__ == "__main__":
    with dg.DagsterInstance.get() as here:
        for run_id in end_orphans(here):
            print(f"ended run {run_id}: its code server is gone")
