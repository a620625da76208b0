"""The routes of Pages, their posts and their Instagram accounts."""

from datetime import timedelta
from typing import Any

from meta_pipeline.simulator.call import Call
from meta_pipeline.simulator.errors import not_found, unknown_field, unknown_path
from meta_pipeline.simulator.instagram import instagram_body, instagram_insights
from meta_pipeline.simulator.objects import read_fields
from meta_pipeline.simulator.pages import page_insights
from meta_pipeline.simulator.posts import MAX_POSTS, list_posts, post_body, post_insights
from meta_pipeline.simulator.settings import Settings
from meta_pipeline.simulator.source import PACIFIC, InstagramAccount, Page, PagePost, Source
from meta_pipeline.simulator.token_errors import no_permission, page_token_required
from meta_pipeline.simulator.tokens import Token, Tokens
from meta_pipeline.simulator.vocabulary import PAGE_FIELDS


class Assets:
    """Answers calls about what a client has besides ad accounts.

    Args:
        source: the truth.
        tokens: the rules for tokens.
        settings: the switches.
    """

    def __init__(self, source: Source, tokens: Tokens, settings: Settings) -> None:
        self._source = source
        self._tokens = tokens
        self._settings = settings

    def find(self, head: str) -> Page | PagePost | InstagramAccount | None:
        """The Page, post or Instagram account with this id, if there is one."""
        if "_" in head and not head.startswith("act_"):
            return self._source.post(head)
        return self._source.page(head) or self._source.instagram(head)

    def answer(
        self, call: Call, token: Token, asset: Page | PagePost | InstagramAccount, edge: str
    ) -> Any:
        """The body of a successful answer.

        Raises:
            GraphError: the error Meta would answer with.
        """
        if isinstance(asset, InstagramAccount):
            return self._instagram(call, token, asset, edge)
        page = asset.page if isinstance(asset, PagePost) else asset
        call.kind = "page_insights" if edge == "insights" else "pages"
        if not self._tokens.sees(token, page.id):
            raise not_found(asset.id)
        yesterday = (call.now - timedelta(days=1)).date()
        # Engaged users are not simulated; their engagements of the day before stand for them.
        engaged = self._source.page_day(page, yesterday).engagements
        call.counts_for(page.id, "pages", audience=engaged)
        if isinstance(asset, PagePost):
            return self._post(call, token, asset, edge)
        return self._page(call, token, asset, edge)

    def page_body(self, call: Call, token: Token, page: Page, *, listed: bool) -> dict[str, Any]:
        """The fields asked for of a Page; its levels are those of the last whole day.

        Raises:
            GraphError: for a field that Pages do not have.
        """
        values: dict[str, Any] = {
            "access_token": self._tokens.page_token(token, page.id),
            "category": "Local business",
            "category_list": [{"id": "2500", "name": "Local business"}],
            "name": page.name,
            "id": page.id,
            "tasks": ["ADVERTISE", "ANALYZE"],
        }
        fields = read_fields(call.params)
        for name in fields:
            if name not in PAGE_FIELDS and name not in values:
                raise unknown_field(name, "Page")
        if not fields:
            return values if listed else {"name": page.name, "id": page.id}
        now = self._source.page_day(page, (call.now - timedelta(days=1)).date())
        values |= {"followers_count": now.follows_level, "fan_count": now.follows_level}
        linked = self._source.instagram_of(page)
        if linked and "instagram_basic" in token.scopes:
            values["instagram_business_account"] = {"id": linked.id}
        return {name: values[name] for name in dict.fromkeys([*fields, "id"]) if name in values}

    def _page(self, call: Call, token: Token, page: Page, edge: str) -> Any:
        if edge == "":
            return self.page_body(call, token, page, listed=False)
        if edge == "posts":
            if "pages_read_engagement" not in token.scopes:
                raise no_permission()
            posts = list_posts(self._source, page, call.params, call.now)
            if int(call.params.get("limit") or 0) > MAX_POSTS:
                call.params = {**call.params, "limit": str(MAX_POSTS)}
            shown, paging = call.cut(posts)
            data = [post_body(post, call.params, call.now) for post in shown]
            return {"data": data, "paging": paging} if paging else {"data": data}
        if edge != "insights":
            raise unknown_path(f"/{edge}")
        self._check_page_token(token)
        if not token.reads_insights:
            # Without read_insights: an empty list and no error (third party, 2026-09).
            return {"data": []}
        return page_insights(
            self._source,
            page,
            call.params,
            call.now,
            timedelta(hours=self._settings.page_lag_hours),
            call.url,
            call.token_text,
        )

    def _post(self, call: Call, token: Token, post: PagePost, edge: str) -> Any:
        if post.created > call.now:
            raise not_found(post.id)
        if edge == "":
            if "pages_read_engagement" not in token.scopes:
                raise no_permission()
            return post_body(post, call.params, call.now)
        if edge != "insights":
            raise unknown_path(f"/{edge}")
        self._check_page_token(token)
        if not token.reads_insights:
            return {"data": []}
        return post_insights(self._source, post, call.params, call.now)

    def _check_page_token(self, token: Token) -> None:
        if token.kind == "USER" or (
            token.kind == "SYSTEM_USER" and not self._settings.system_user_reads_pages
        ):
            raise page_token_required()

    def _instagram(self, call: Call, token: Token, account: InstagramAccount, edge: str) -> Any:
        call.kind = "instagram_insights" if edge == "insights" else "instagram"
        if not self._tokens.sees(token, account.id):
            raise not_found(account.id)
        yesterday = call.now.astimezone(PACIFIC).date() - timedelta(days=1)
        seen = self._source.instagram_day(account, yesterday).views
        call.counts_for(account.id, "instagram", audience=seen)
        needed = "instagram_manage_insights" if edge == "insights" else "instagram_basic"
        if needed not in token.scopes:
            raise no_permission()
        if edge == "":
            return instagram_body(self._source, account, call.params, call.now)
        if edge != "insights":
            raise unknown_path(f"/{edge}")
        return instagram_insights(
            self._source,
            account,
            call.params,
            call.now,
            timedelta(hours=self._settings.instagram_lag_hours),
            call.url,
            call.token_text,
        )
