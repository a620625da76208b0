"""What each of Meta's errors means, and where in Meta's settings it is mended.

One table: `CASES` for answers that say what is wrong, `FINDINGS` for states that no error
names, among them the silent ones. Code and subcode decide; the text only where they leave it
open: codes 100, 10 and 200 (Meta's error references, 2026), 190 and 1 without a subcode, and
answers without a code. Menu paths are those of business.facebook.com/settings and of the App
Dashboard (developers.facebook.com/apps).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

USER = "Business settings > Users > System users > (user)"
ASSIGN = f"{USER} > Assign assets"
AD_ACCOUNT = f"{ASSIGN} > Ad accounts > (account) > View performance"
PAGE = f"{ASSIGN} > Pages > (Page) > Insights"
INSTAGRAM = f"{ASSIGN} > Instagram accounts > (account) > Insights"
APP_ROLE = f"{ASSIGN} > Apps > (app) > Develop app"
NEW_TOKEN = f"{USER} > Generate token > (app)"
APPS = "Business settings > Accounts > Apps > Add > Connect an app ID"
APP_BASIC = "App Dashboard > App settings > Basic"
APP_ADVANCED = "App Dashboard > App settings > Advanced > Security > Require App Secret"
PRODUCT = "App Dashboard > Add products > Marketing API > Set up"
ALERTS = "App Dashboard > Alerts"
TIER = "App Dashboard > App Review > Permissions and features > Marketing API Access Tier"
VERSION_SETTINGS = "App Dashboard > Marketing API > Settings"
SUPPORT = "business.facebook.com/business-support-home"

_SET = "put it into the client's token_env variable"
_ITSELF = "Nothing to set: it is asked again by itself"
_REPORT = "This program should not ask so: note the fbtrace_id and report it as a bug"


class Refusal(Protocol):
    """What is looked at of an answer that refuses: `errors.Failure`."""

    @property
    def path(self) -> str:
        """What was asked, without version."""
        ...

    @property
    def http_status(self) -> int | None:
        """The status, None without an answer."""
        ...

    @property
    def code(self) -> int | None:
        """Meta's code."""
        ...

    @property
    def subcode(self) -> int | None:
        """Meta's subcode."""
        ...

    @property
    def message(self) -> str:
        """Meta's text."""
        ...


@dataclass(frozen=True, slots=True)
class Advice:
    """What an error means, in a sentence, and what to do, naming the menu."""

    meaning: str
    fix: str

    def __str__(self) -> str:
        return f"{self.meaning}. {self.fix}."


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of answer. What is None or empty is not looked at.

    `text` is lower case and part of Meta's message; `status` counts where there is no code;
    `surface` is `ads`, `page` or `instagram` where the fix differs by what was asked.
    """

    advice: Advice
    code: int | None = None
    subcode: int | None = None
    text: str = ""
    status: int | None = None
    surface: str = ""

    @property
    def title(self) -> str:
        """The case as a reader looks it up."""
        numbers = "/".join(str(n) for n in (self.code, self.subcode) if n is not None)
        if not numbers:
            numbers = f"HTTP {self.status}" if self.status else "no code"
        of = {"ads": "ad account", "page": "Page", "instagram": "Instagram"}.get(self.surface)
        return numbers + (f" “{self.text}”" if self.text else "") + (f" ({of})" if of else "")


_THROTTLED = (
    f"Wait: the time is in Meta's headers and kept. With the Limited tier ask for Full in {TIER}"
)
_REVOKED = Advice(
    "The token is no longer valid: revoked, logged out, or its system user or app link removed",
    f"Check that the user is still there in Business settings > Users > System users and the app "
    f"in Business settings > Accounts > Apps, then make a new token ({NEW_TOKEN}) and {_SET}",
)
_PROOF_WRONG = Advice(
    "The proof of the app secret does not belong to this token",
    f"Set META_APP_SECRET to the secret of the very app the token was made for ({APP_BASIC} > "
    "App secret > Show), without spaces",
)
_APP_WRONG = Advice(
    "META_APP_ID and META_APP_SECRET are not those of one app",
    f"Copy both again from {APP_BASIC}, without spaces",
)
_NO_SCOPE = Advice(
    "The token lacks a permission",
    "Run `meta-pipeline check` to see which scope is missing, then make a new token with it: "
    f"{NEW_TOKEN} > tick ads_read, read_insights, pages_read_engagement",
)
_NOT_SEEN = Advice(
    "The token may not see this",
    f"Assign the asset ({ASSIGN}), then make a token with the scope Meta names ({NEW_TOKEN})",
)
_ACCOUNT_SCORE = Advice(
    "The ad account's call score is used up (60 points on the Limited tier, 9,000 on Full)",
    f"Wait five minutes (one on Full), other accounts go on; for more, ask for Full in {TIER}",
)
_APP_LIMIT = Advice(
    "The app's own hourly limit is used up, for all clients at once",
    "Wait until the app's usage falls (App Dashboard > Rate limits shows it); pull fewer "
    "clients at once",
)
_TOO_LARGE = Advice(
    "The question is too large to be answered at once",
    f"{_ITSELF}, in smaller parts or as a report job; if it still fails, ask for fewer days with "
    "`--from` and `--to`",
)
_BUSY = Advice(
    "Meta could not answer at this moment",
    f"{_ITSELF}; if it stays so, look at metastatus.com and run the same command again later",
)
_NO_PERSON = "Meta refuses the person behind the token until they sign in"
_SYSTEM_USER_INSTEAD = (
    "Let the token's owner open facebook.com and clear what is asked there; better, use a system "
    f"user's token, which knows no such checks ({NEW_TOKEN})"
)
_WIDE = Advice(
    "The range between since and until is wider than this edge allows",
    f"Nothing to set in Meta: Page ranges end at 90 days, Instagram's at 30. {_REPORT}",
)
_JOB_AGAIN = Advice(
    "The report job failed at Meta without having been wrong",
    f"{_ITSELF}, then in smaller parts; run the same command again later if it stays so",
)

CASES: tuple[Case, ...] = (
    # Tokens.
    Case(
        Advice(
            "The token is past its expiry",
            f"Make a new one: {NEW_TOKEN} (expiration: Never), and {_SET}; an expired token "
            "cannot be exchanged",
        ),
        190,
        463,
    ),
    Case(
        Advice(
            "The session behind the token ended: password changed, or Meta reset it",
            "The owner signs in and makes a new token; a system user's has no password: "
            f"{NEW_TOKEN}, and {_SET}",
        ),
        190,
        460,
    ),
    Case(
        Advice(
            "The owner of the token removed the app, or never allowed it",
            f"Link the app again ({APPS}; {APP_ROLE}) and make a new token; a person allows it "
            "again in Facebook > Settings > Business integrations",
        ),
        190,
        458,
    ),
    Case(Advice(f"{_NO_PERSON} (a security checkpoint)", _SYSTEM_USER_INSTEAD), 190, 459),
    Case(Advice(f"{_NO_PERSON} and confirm the account", _SYSTEM_USER_INSTEAD), 190, 464),
    Case(_REVOKED, 190, 467),
    Case(
        Advice(
            "The owner of the Page token has lost the role on the Page",
            f"Give the role back: {PAGE} (task ANALYZE); the Page token is fetched anew each time",
        ),
        190,
        492,
    ),
    Case(
        Advice(
            "Page Insights want a Page's own token, and got a person's",
            f"Give the system user the Page ({PAGE}); its Page token is then fetched by itself",
        ),
        190,
        text="page access token",
    ),
    Case(
        Advice(
            "What was sent as a token is none: cut off, quoted or mistyped",
            f"Copy the token again, whole and without quotes ({NEW_TOKEN}), and {_SET}",
        ),
        190,
        text="parse access token",
    ),
    Case(_REVOKED, 190),
    Case(
        Advice(
            "No token was sent",
            "Set the client's token_env variable (META_ACCESS_TOKEN unless clients.yml says "
            f"otherwise) to a system user's token ({NEW_TOKEN})",
        ),
        104,
    ),
    Case(
        Advice(
            "There is no such API version, or no such path in it",
            "Set a living api_version in clients.yml (v26.0 today), or take the line out",
        ),
        2500,
        text="unknown path components",
    ),
    Case(
        Advice(
            "A path was asked that exists only for a person or system user, with a token that "
            "is neither",
            f"Use a system user's token, not the app's ({NEW_TOKEN}), and {_SET}",
        ),
        2500,
    ),
    Case(
        Advice(
            "The session of the token is over",
            f"As with an expired token: make a new one ({NEW_TOKEN}) and {_SET}",
        ),
        102,
    ),
    Case(_PROOF_WRONG, 100, text="invalid appsecret_proof"),
    Case(_APP_WRONG, 1, text="validating client secret"),
    Case(_APP_WRONG, 101, text="validating application"),
    Case(
        Advice(
            "The app demands a proof of its secret with every call, and none was sent",
            f"Set META_APP_SECRET ({APP_BASIC} > App secret > Show), or switch {APP_ADVANCED} off",
        ),
        100,
        text="require an appsecret_proof",
    ),
    # Permissions.
    Case(
        Advice(
            "Too few people saw this post or story for Meta to show its figures",
            "Nothing to mend: the figure stays empty, and is not zero",
        ),
        10,
        text="not enough viewers",
    ),
    Case(
        Advice(
            "The app may not do this: not assigned, product missing, or a scope is missing",
            f"Check three places: {APP_ROLE}; {PRODUCT}; and the token's scopes ({NEW_TOKEN} > "
            "ads_read, read_insights, pages_read_engagement)",
        ),
        10,
    ),
    Case(
        Advice(
            "The ad account is not assigned to the token's user, or ads_read is missing",
            f"Assign it: {AD_ACCOUNT}; if it is assigned, make a new token with ads_read "
            f"({NEW_TOKEN})",
        ),
        200,
        text="ad account owner has not grant",
    ),
    Case(
        Advice(
            "A question about the business itself, which needs business_management",
            "Ads and Page figures do not need it; only if you want to list a business's assets, "
            f"tick it: {NEW_TOKEN} > business_management",
        ),
        200,
        text="business_management",
    ),
    Case(
        Advice(
            "Meta has blocked the app or its owner from the API",
            f"Stop the schedules, open {ALERTS} and {SUPPORT}, and do what is asked there",
        ),
        200,
        text="api access blocked",
    ),
    Case(
        Advice(
            "Earnings of a Page are shown to those with its revenue task alone",
            f"Take the metric out, or give {ASSIGN} > Pages > (Page) > Revenue",
        ),
        200,
        text="monetization",
    ),
    Case(
        Advice(
            "The token's user has no role on this Page, whatever scopes it has",
            f"Assign the Page: {PAGE}",
        ),
        200,
        surface="page",
    ),
    Case(
        Advice(
            "The token's user has no role on this Instagram account",
            f"Assign it and the Page it belongs to: {INSTAGRAM}; {PAGE}",
        ),
        200,
        surface="instagram",
    ),
    Case(_NOT_SEEN, 200),
    Case(_NO_SCOPE, 100, text="missing permission"),
    Case(_NO_SCOPE, 3),
    Case(
        Advice(
            "No ad account has this id, or the token's user does not see it: Meta does not say "
            "which",
            "Compare the id with act= in the address of Ads Manager (act_ and digits in "
            f"clients.yml), then assign the account: {AD_ACCOUNT}",
        ),
        100,
        33,
        surface="ads",
    ),
    Case(
        Advice(
            "No Page has this id, or the token's user does not see it: Meta does not say which",
            "Compare the id with Business settings > Accounts > Pages > (Page), then assign it: "
            f"{PAGE}",
        ),
        100,
        33,
        surface="page",
    ),
    Case(
        Advice(
            "No Instagram account has this id, or the token's user does not see it: Meta does "
            "not say which",
            "Use the id of the professional account that `meta-pipeline init` lists (not the "
            f"@name), then assign it and its Page: {INSTAGRAM}; {PAGE}",
        ),
        100,
        33,
        surface="instagram",
    ),
    Case(
        Advice(
            "Nothing has this id, or the token's user does not see it: Meta does not say which",
            f"Check the id in clients.yml, then assign the asset: {ASSIGN}",
        ),
        100,
        33,
    ),
    Case(
        Advice(
            "A report job may not see its ad account",
            f"Assign the account to the user who asks: {AD_ACCOUNT}",
        ),
        100,
        3191001,
    ),
    Case(
        Advice(
            "Meta gives no token of this Page: the token's user has no role on it",
            f"Assign the Page: {PAGE}",
        ),
        text="no page token",
    ),
    Case(
        Advice(
            "The app's access tier does not reach this ad account",
            "Use an account that the app's own business owns or was given, or ask for the Full "
            f"tier: {TIER}",
        ),
        270,
    ),
    Case(
        Advice(
            "Something was asked that changes ads; this program only reads",
            f"Leave Manage campaigns off, and do not add ads_management. {_REPORT}",
        ),
        294,
    ),
    Case(
        Advice(
            "Meta has blocked this for a while, for reasons of policy",
            f"Stop the schedules: asking again makes it longer. A person reviews it at {SUPPORT}",
        ),
        368,
    ),
    # Versions.
    Case(
        Advice(
            "The Marketing API version in use is over, for all clients at once",
            "Set a living api_version in clients.yml (v26.0 today) and run `meta-pipeline "
            f"check`; {VERSION_SETTINGS} says what Meta upgrades by itself",
        ),
        2635,
    ),
    Case(
        Advice(
            "A field or path was removed from this API version",
            f"Nothing to set in Meta: take it out of what is asked. {_REPORT}",
        ),
        12,
    ),
    # Questions that are wrong.
    Case(
        Advice(
            "The field does not exist on this kind of object; no sign of an old API version, "
            "which shows as 2635 or as a warning header",
            "Check that the id in clients.yml is of the kind it stands for (ad account, Page, "
            f"Instagram account). If it is: {_REPORT}",
        ),
        100,
        text="nonexisting field",
    ),
    Case(
        Advice("An insights field has another name, or is gone", _REPORT),
        100,
        text="is not valid for fields param",
    ),
    Case(
        Advice(
            "A value is none of those Meta knows here",
            "Check attribution_windows and --preset (`lifetime` died with v10: it is `maximum`)",
        ),
        100,
        text="must be one of the following values",
    ),
    Case(
        Advice("These breakdowns cannot be combined in one question", _REPORT),
        100,
        text="combination of data breakdown",
    ),
    Case(
        Advice(
            "The range starts more than 37 months ago, further back than Meta keeps anything",
            "Set start_date in clients.yml, or --from, to a day within 37 months",
        ),
        3018,
    ),
    Case(
        Advice(
            "The place in a list of pages is no longer known to Meta",
            f"{_ITSELF}, from the first page; run the same command again if it stays so",
        ),
        2642,
    ),
    Case(
        Advice(
            "The list is longer than Meta lets one page through",
            f"{_ITSELF}, in parts; if it still fails, ask for fewer days with `--from` and `--to`",
        ),
        100,
        text="after cursor specified exceeds",
    ),
    Case(
        Advice("Reading many objects by `ids` has been removed from all versions", _REPORT),
        100,
        text="ids parameter is no longer",
    ),
    Case(
        Advice("`date_format` has been removed from all versions", _REPORT),
        100,
        text="date_format parameter is no longer",
    ),
    Case(_TOO_LARGE, 100, 1487534),
    Case(_TOO_LARGE, 1, text="reduce the amount of data"),
    Case(_TOO_LARGE, 100, 1504018),
    Case(_TOO_LARGE, status=504),
    Case(
        Advice(
            "Reach with breakdowns beyond 13 months is answered for ten jobs an account and day",
            "Wait until tomorrow, or ask for days within the last 13 months",
        ),
        100,
        text="reach-related metric breakdowns",
    ),
    Case(_JOB_AGAIN, 100, text="in summary param"),
    Case(
        Advice(
            "A metric of this name is dead or never was; Meta does not say which of those asked",
            "docs/metrics.md lists the living ones; the others are asked one by one and land",
        ),
        100,
        text="valid insights metric",
    ),
    Case(
        Advice("No metric was asked for", _REPORT),
        3001,
    ),
    Case(
        Advice("The metric is not kept for this period", f"Ask for days. {_REPORT}"),
        100,
        text="param period must be one of",
    ),
    Case(_WIDE, 100, 1504016),
    Case(_WIDE, 100, text="there cannot be more than"),
    Case(
        Advice("This Instagram metric is answered as one total only", _REPORT),
        100,
        text="metric_type=total_value",
    ),
    Case(
        Advice("Instagram's impressions died on 2025-04-21; `views` took their place", _REPORT),
        100,
        text="impressions metric is no longer supported",
    ),
    Case(
        Advice(
            "Meta refuses the question as it was put",
            "Check the ids in clients.yml; Meta's own words above name what it refuses",
        ),
        100,
    ),
    Case(
        Advice("One question of a batch ran out of time; the others are fine", _BUSY.fix),
        text="did not get to this call",
    ),
    Case(
        Advice("More than 50 questions were sent in one batch", _REPORT),
        text="too many requests in batch",
    ),
    # Moments of weakness.
    Case(_BUSY, 2),
    Case(
        Advice(
            "An unknown error, sometimes for a combination Meta cannot answer",
            f"{_ITSELF}, a few times; if it stays so, ask for fewer days, and note the fbtrace_id",
        ),
        1,
    ),
    Case(
        Advice(
            "Meta's service says it is unavailable, without an error of its own",
            f"{_ITSELF}; if it stays so, look at metastatus.com",
        ),
        status=200,
    ),
    Case(
        Advice(
            "A proxy answered in Meta's place",
            f"{_ITSELF}; if it stays so, check META_GRAPH_URL, your own proxy, and metastatus.com",
        ),
        status=502,
    ),
    # Quotas.
    Case(_APP_LIMIT, 4),
    Case(
        Advice("Too many insights questions of this app, for all clients at once", _THROTTLED),
        4,
        1504022,
    ),
    Case(
        Advice(
            "Meta's insights are under load; no limit of yours is used up",
            "Wait, and let schedules run at another hour, not at a full one",
        ),
        4,
        1504039,
    ),
    Case(_APP_LIMIT, 341),
    Case(
        Advice("Nothing was sent: the quota is known to be used up", _THROTTLED),
        text="not sent: the quota",
    ),
    Case(_ACCOUNT_SCORE, 17),
    Case(_ACCOUNT_SCORE, 613, 1487742),
    Case(
        Advice(
            "Page questions with a person's token have a small limit of their own",
            f"Wait an hour, and use a system user's token ({NEW_TOKEN}), which has the Page's",
        ),
        32,
    ),
    Case(
        Advice("The limit of calls to this one path is used up", _THROTTLED),
        613,
    ),
    Case(
        Advice("A limit for writing was met; this program only reads", _REPORT),
        613,
        5044001,
    ),
    Case(Advice("The ad account's hourly insights limit is used up", _THROTTLED), 80000),
    Case(
        Advice(
            "The Page's limit is used up (4,800 calls an engaged user and day)",
            "Wait: the time is in Meta's headers and kept; ask for fewer Page reports",
        ),
        80001,
    ),
    Case(
        Advice(
            "The Instagram account's limit is used up (4,800 calls an impression and day)",
            "Wait: the time is in Meta's headers and kept; ask for fewer Instagram reports",
        ),
        80002,
    ),
    Case(
        Advice("The ad account's hourly limit for listing objects is used up", _THROTTLED),
        80004,
    ),
    # Report jobs.
    Case(_JOB_AGAIN, -2),
    Case(_JOB_AGAIN, 2, 1504043),
    Case(
        Advice(
            "The report job ran out of time",
            f"{_ITSELF}, in parts; if it still fails, ask for fewer days",
        ),
        2,
        1504038,
    ),
    Case(Advice("The report job met breakdowns that cannot be", _REPORT), 2, 1504041),
    Case(
        Advice(
            "The report is larger than Meta makes one",
            f"{_ITSELF}, by campaigns, then by days; if it still fails, ask for fewer days",
        ),
        -3,
        1504045,
    ),
    Case(
        Advice(
            "Meta dropped the report job before it ran",
            f"{_ITSELF}; run the same command again if it stays so",
        ),
        text="job skipped",
    ),
    Case(_JOB_AGAIN, text="the report run ended as"),
    Case(
        Advice(
            "A report job is done, but cannot be read yet",
            f"{_ITSELF}; run the same command again if it stays so",
        ),
        2601,
    ),
)

FINDINGS: Mapping[str, Advice] = {
    # Silent: an answer without an error, and yet not the one asked for.
    "page answers nothing": Advice(
        "Living metrics come back empty: read_insights is missing, or nobody was there to count",
        f"Make a new token with read_insights: {NEW_TOKEN} > read_insights; then check {PAGE}",
    ),
    "ads answer nothing": Advice(
        "No row for yesterday: nothing was delivered; a lack of rights would be an error",
        "Nothing to mend if no campaign ran; else compare with Ads Manager > Campaigns > Yesterday",
    ),
    "breakdown beyond 13 months": Advice(
        "Reach with breakdowns and hourly figures end 13 months ago, and come back empty beyond",
        "Nothing to mend: such days are marked as not available, and not as zero",
    ),
    "dead attribution window": Advice(
        "7d_view and 28d_view are accepted and never answered since 2026-01-12",
        "Take them out of attribution_windows in clients.yml",
    ),
    "breakdown without opt-in": Advice(
        "Opt-in breakdowns (impression_device, frequency_value, hourly) come back empty without it",
        "Opt in with the ad account's feature settings in Meta, or do without the breakdown",
    ),
    "another version answers": Advice(
        "Meta answered with another API version than the one asked for",
        "Set api_version in clients.yml to the version that answers, and run `meta-pipeline "
        f"check` again; {VERSION_SETTINGS} says what Meta upgrades by itself",
    ),
    # Token.
    "token is not valid": _REVOKED,
    "app is refused": Advice(
        "META_APP_ID and META_APP_SECRET do not belong together; the token asked for itself",
        f"Copy both again from {APP_BASIC}, without spaces",
    ),
    "token is not told about": Advice(
        "Meta does not tell about the token; its scopes and its last day are not checked",
        "Look it up at developers.facebook.com/tools/debug/accesstoken",
    ),
    "token of another app": Advice(
        "The token was made for another app than META_APP_ID",
        f"Make it for this one ({NEW_TOKEN}), or set META_APP_ID and META_APP_SECRET of that app",
    ),
    "token of an app": Advice(
        "This is an app's own token, which sees neither accounts nor Pages",
        f"Make a system user's token ({NEW_TOKEN}) and {_SET}",
    ),
    "token ends": Advice(
        "The token ends on a fixed day, and every pull with it",
        f"Make a new one ({NEW_TOKEN}; expiration: Never) and {_SET}",
    ),
    "person's token of an hour or two": Advice(
        "A person's token straight from the Graph API Explorer ends within hours",
        "While it is alive, `meta-pipeline token exchange` makes one of about 60 days of it; "
        f"better, use a system user's token ({NEW_TOKEN})",
    ),
    "system user's token of 60 days": Advice(
        "The token was made with 60 days, although a system user's can be made to last",
        f"Make a new one ({NEW_TOKEN} > expiration: Never) and {_SET}",
    ),
    "data access ends": Advice(
        "A person's token loses its access to data 90 days after they last signed in, even while "
        "it is valid",
        f"Let the person sign in to the app again; better, use a system user's token ({NEW_TOKEN})",
    ),
    "person's token": Advice(
        "This is a person's token: it ends with their password, their session and their job",
        f"Use a system user's token ({NEW_TOKEN}) and {_SET}",
    ),
    # Scopes.
    "scope ads": Advice(
        "The token cannot read ads",
        f"Make a new token: {NEW_TOKEN} > tick ads_read. If ads_read is not offered, the app is "
        f"not assigned to the user ({APP_ROLE}) or has no Marketing API ({PRODUCT})",
    ),
    "scope pages": Advice(
        "The token cannot read Page Insights, which then come back empty and without an error",
        f"Make a new token: {NEW_TOKEN} > tick read_insights and pages_read_engagement",
    ),
    "scope instagram": Advice(
        "The token cannot read Instagram insights",
        f"Make a new token: {NEW_TOKEN} > tick instagram_basic, instagram_manage_insights and "
        "pages_read_engagement",
    ),
    "scope to list Pages": Advice(
        "Without pages_show_list Pages can be read, but not listed by `meta-pipeline init`",
        f"Optional: {NEW_TOKEN} > tick pages_show_list",
    ),
    "scope without the account": Advice(
        "The token has the scope, but not for this asset of the client",
        f"Assign the asset ({ASSIGN}) and make a new token, since a token keeps its list",
    ),
    "more rights than needed": Advice(
        "The token can do more than read; whoever finds it could spend money or post",
        f"Make one that only reads: {NEW_TOKEN} > tick ads_read, read_insights, "
        "pages_read_engagement and pages_show_list alone",
    ),
    # Accounts.
    "account does not deliver": Advice(
        "The ad account is not active; its past can still be read",
        f"See why in {SUPPORT} or Ads Manager > Billing and payments",
    ),
    "account is closed": Advice(
        "The ad account is closed: no new figures will come",
        "Take it out of clients.yml when its past is no longer wanted; reopen it in Ads Manager > "
        "Settings",
    ),
    "currency differs": Advice(
        "The ad account has another currency than clients.yml names",
        "Correct `currency` in clients.yml; Meta's is in Ads Manager > Settings > Ad account, and "
        "cannot be changed once ads ran",
    ),
    "time zone differs": Advice(
        "The ad account has another time zone than clients.yml names, so its days are others",
        "Correct `timezone` in clients.yml; Meta's is in Ads Manager > Settings > Ad account",
    ),
    "metric is dead": Advice(
        "Meta no longer knows this metric; what it gave before is kept",
        "docs/metrics.md names what took its place; the other metrics land",
    ),
    # Versions and quotas.
    "version ends": Advice(
        "The API version in use is over, or soon will be",
        "Set the newest api_version in clients.yml (v26.0 today) and run `meta-pipeline check`",
    ),
    "quota is low": Advice(
        "Little is left of a quota; pulls slow down from 75 % and wait at 95 %",
        f"Wait, or pull fewer clients at once; for more, ask for the Full tier: {TIER}",
    ),
    "limited tier": Advice(
        "The app has the Limited tier: an account has 600 insights calls an hour, 400 more for "
        "each active ad, and a score of 60 in five minutes",
        f"Enough for a few accounts; for more ask for Full: {TIER} (500 calls in 15 days with "
        "under 15 % errors)",
    ),
    "no answer": Advice(
        "Nothing answered: the network, a proxy, or META_GRAPH_URL",
        "Check the connection to graph.facebook.com, your proxy, and META_GRAPH_URL (unset it for "
        "Meta itself)",
    ),
}
"""What `check` finds without an error of Meta's, by name."""

UNKNOWN = Advice(
    "Meta refused, with an error that is not known here",
    "Read Meta's own words above; note the fbtrace_id for Meta's support "
    "(developers.facebook.com/support)",
)


def advice_for(failure: Refusal, surface: str = "") -> Advice:
    """What a failure means and how to mend it.

    `surface` (`ads`, `page`, `instagram`) says what was asked about; without it the path tells
    an ad account by its `act_`. Falls back from subcode over text to the code, or the status.
    """
    case = _case_of(failure, surface or _surface_of(failure.path))
    return case.advice if case else _without_case(failure)


def _case_of(failure: Refusal, surface: str) -> Case | None:
    text = failure.message.lower()
    if failure.code is None:
        mine = [case for case in CASES if case.code is None]
        texts = (case for case in mine if case.text and case.text in text)
        by_status = (c for c in mine if c.status is not None and c.status == failure.http_status)
        return next(texts, None) or next(by_status, None)
    mine = [c for c in CASES if c.code == failure.code and c.surface in ("", surface)]
    if failure.subcode is not None:
        exact = [case for case in mine if case.subcode == failure.subcode]
        if exact:
            return _of_surface(exact)
    rest = [case for case in mine if case.subcode is None]
    told = [case for case in rest if case.text and case.text in text]
    return _of_surface(told or [case for case in rest if not case.text])


def _of_surface(cases: list[Case]) -> Case | None:
    """The first case that speaks of the surface, else the first."""
    return next((case for case in cases if case.surface), cases[0] if cases else None)


def _surface_of(path: str) -> str:
    return "ads" if path.startswith("act_") else ""


def _without_case(failure: Refusal) -> Advice:
    """What the number or the status alone says."""
    if failure.code is not None and 200 <= failure.code < 300:
        return _NOT_SEEN
    if failure.code is not None and 80000 <= failure.code < 80015:
        return Advice("A quota of this kind of call is used up", _THROTTLED)
    status = failure.http_status
    if status is None:
        return FINDINGS["no answer"]
    if failure.code is None and status in (401, 403):
        return _NO_SCOPE
    if failure.code is None and status == 429:
        return _APP_LIMIT
    if failure.code is None and status >= 500:
        return _BUSY
    return UNKNOWN


def markdown() -> str:
    """The tables of docs/setup-meta.md: every error and every finding."""
    head = "| what Meta says | what it means | what to do |\n|---|---|---|\n"
    lines = (f"| {c.title} | {c.advice.meaning} | {c.advice.fix} |\n" for c in CASES)
    silent = (f"| {name} | {a.meaning} | {a.fix} |\n" for name, a in FINDINGS.items())
    return (
        f"{head}{''.join(lines)}\nWithout an error of Meta's:\n\n"
        f"{head.replace('what Meta says', 'what `check` finds')}{''.join(silent)}"
    )
