"""New clients: partitions that follow clients.yml, without a restart."""

import dagster as dg

from meta_pipeline.config import Settings, load_clients
from meta_pipeline.defs.partitions import CLIENTS, unregistered


def clients_sensor(settings: Settings) -> dg.SensorDefinition:
    """Registers who is new in clients.yml. It reads the file itself, since the definitions of a
    code server are as old as its start, while each run loads its own."""

    @dg.sensor(
        name="clients_follow_file",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Gives each new client of clients.yml its partitions, within a minute after "
        "the file was saved. A client that left it keeps its partitions and its data, and is not "
        "asked for any more. A file that cannot be read makes a tick fail, and changes nothing.",
    )
    def clients_follow_file(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        new = unregistered(context.instance, load_clients(settings))
        if not new:
            return dg.SensorResult(skip_reason="every client of clients.yml has its partitions")
        return dg.SensorResult(dynamic_partitions_requests=[CLIENTS.build_add_request(new)])

    return clients_follow_file
