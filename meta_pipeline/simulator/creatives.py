"""Ad creatives: the texts, links and posts behind ads.

The words of a creative often stand in `object_story_spec.link_data` alone, not in `title` and
`body` (seen in several integrations), so some have them only there. One creative may serve
several ads.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meta_pipeline.simulator.errors import unknown_field
from meta_pipeline.simulator.objects import edge_nodes, read_fields
from meta_pipeline.simulator.source import Account, Ad, AdSet, Campaign, Source
from meta_pipeline.simulator.vocabulary import CREATIVE_FIELDS

_KNOWN = frozenset(CREATIVE_FIELDS)
_CALLS = {"OUTCOME_SALES": "SHOP_NOW", "OUTCOME_LEADS": "SIGN_UP"}


def find_creative(source: Source, creative_id: str) -> Ad | None:
    """The first ad that shows this creative, None if there is no such creative."""
    node = source.node(creative_id[1:]) if creative_id[1:] else None
    return node if isinstance(node, Ad) and node.creative_id == creative_id else None


def list_creatives(
    source: Source, parent: Account | Campaign | AdSet | Ad, as_of: datetime
) -> list[Ad]:
    """The creatives below an object, each by the first ad that shows it.

    A creative outlives its ads: those of archived and deleted ads are listed too.
    """
    if isinstance(parent, Ad):
        ads: list[Any] = [parent]
    else:
        ads = edge_nodes(source, parent, "ads", as_of)
    ids = dict.fromkeys(ad.creative_id for ad in ads)
    found = (find_creative(source, creative_id) for creative_id in ids)
    return [ad for ad in found if ad]


def creative_body(source: Source, ad: Ad, params: Mapping[str, str]) -> dict[str, Any]:
    """The fields asked for of the creative of an ad, those without a value left out.

    Raises:
        GraphError: for a field that creatives do not have.
    """
    fields = read_fields(params)
    for field in fields:
        if field not in _KNOWN:
            raise unknown_field(field, "AdCreative")
    values = _values(source, ad)
    wanted = dict.fromkeys([*fields, "id"])
    return {field: values[field] for field in wanted if values.get(field)}


def _values(source: Source, ad: Ad) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": ad.creative_id,
        "account_id": ad.account.account_id,
        "name": f"{ad.name} {ad.start.isoformat()}",
        "status": "ACTIVE",
    }
    client = next((c for c in source.clients() if ad.account.id in c.ad_accounts), None)
    if not ad.campaign.objective or client is None or not client.pages:
        # A replayed file says nothing about creatives.
        return values
    page, number = client.pages[0], int(ad.creative_id[-3:])
    call = _CALLS.get(ad.campaign.objective, "LEARN_MORE")
    link = f"https://{client.id}.example/offer-{number}"
    words = {
        "name": f"{client.name}: offer {number}",
        "message": f"{client.name} — see for yourself",
    }
    story: dict[str, Any] = {"page_id": page}
    if client.instagram_accounts:
        story["instagram_user_id"] = client.instagram_accounts[0]
    values |= {
        "actor_id": page,
        "call_to_action_type": call,
        "effective_object_story_id": f"{page}_{ad.creative_id[:15]}",
        "url_tags": "utm_source=facebook&utm_campaign={{campaign.id}}",
    }
    action = {"type": call, "value": {"link": link}}
    if "Video" in ad.name:
        video = {"video_id": f"7{ad.creative_id[1:15]}", "title": words["name"]}
        story["video_data"] = {**video, "message": words["message"], "call_to_action": action}
        values["object_type"] = "VIDEO"
    else:
        story["link_data"] = {**words, "link": link, "call_to_action": action}
        values |= {"object_type": "SHARE", "title": words["name"], "body": words["message"]}
    if "Carousel" in ad.name:
        # A flexible creative: its words are lists in `asset_feed_spec`, and nowhere else.
        del values["title"], values["body"], story["link_data"]
        values["asset_feed_spec"] = {
            "titles": [{"text": words["name"]}],
            "bodies": [{"text": words["message"]}, {"text": f"Only at {client.name}"}],
            "link_urls": [{"website_url": link}],
            "call_to_action_types": [call],
        }
    return values | {"object_story_spec": story}
