"""Whose turn it is to be pulled: each client once a day, after its own midnight.

A client's turn of a day comes when the day has been over for its settling margin in the time zones
of all of its ad accounts; so Sydney is not pulled at New York's hour. The margin is time that has
passed, not what the wall clock shows: on the nights of 23 and 25 hours it is as long as on others.
No clock, no storage.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from meta_pipeline.config import Client
from meta_pipeline.dates import Span
from meta_pipeline.pulling.memory import zone_info
from meta_pipeline.repulls import day_end


def due_clients(
    now: datetime,
    clients: Iterable[Client],
    zones: Mapping[str, str],
    last: Mapping[str, date],
) -> dict[str, date]:
    """The clients whose turn has come at `now`, in the order given, each with the day of its turn.

    `zones` has the time zone of each ad account that Meta has told one of; for others it is the
    client's `timezone`, and without one the latest on earth. `last` has the day of each client's
    last turn. Turns that were missed are one: the run that follows asks for all that is due.
    """
    turns = {client.id: turn(now, client, zones) for client in clients}
    return {name: day for name, day in turns.items() if name not in last or last[name] < day}


def turn(now: datetime, client: Client, zones: Mapping[str, str]) -> date:
    """The newest day that is over for the client's margin in all of its ad accounts' zones."""
    return min(_over(now, zone, client.settling_margin) for zone in _zones(client, zones))


def days_under_way(now: datetime, clients: Iterable[Client], zones: Mapping[str, str]) -> Span:
    """Today and yesterday of all ad accounts of the clients (at least one), as one span."""
    todays = {now.astimezone(zone).date() for client in clients for zone in _zones(client, zones)}
    return Span(min(todays) - timedelta(days=1), max(todays))


def adjacent(order: Sequence[str], wanted: Iterable[str]) -> list[list[str]]:
    """The wanted ids in their order, cut where an unwanted one lies between."""
    names = set(wanted)
    groups: list[list[str]] = [[]]
    for name in order:
        if name in names:
            groups[-1].append(name)
        elif groups[-1]:
            groups.append([])
    return [group for group in groups if group]


def _zones(client: Client, zones: Mapping[str, str]) -> list[ZoneInfo]:
    return [zone_info(zones.get(account) or client.timezone) for account in client.ad_accounts]


def _over(now: datetime, zone: ZoneInfo, margin: timedelta) -> date:
    """The newest day of `zone` that ended `margin` or more before `now`."""
    day = now.astimezone(zone).date()
    while day_end(day, zone) + margin > now:
        day -= timedelta(days=1)
    return day
