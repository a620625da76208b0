"""Every error of Meta's has a meaning and a fix that names where it is mended."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from unit_reference import reference

from meta_pipeline.graph.advice import CASES, FINDINGS, UNKNOWN, Advice, advice_for, markdown
from meta_pipeline.graph.errors import Failure, failure_of

CATALOGUE = (reference("meta-error-cases.json") or {"cases": []})["cases"]

# Cases in which Meta names no error, and what `check` calls them.
SILENT = {
    "silent_page_no_read_insights": "page answers nothing",
    "silent_breakdown_beyond_13_months": "breakdown beyond 13 months",
    "silent_view_window_removed": "dead attribution window",
    "silent_optin_breakdown": "breakdown without opt-in",
    "silent_version_upgrade": "another version answers",
}

# What the advice must speak of, case by case.
SPEAKS_OF = {
    "token_expired": "past its expiry",
    "token_session_reset": "password changed",
    "token_app_removed": "removed the app",
    "token_checkpoint": "checkpoint",
    "token_unconfirmed_user": "confirm the account",
    "token_invalid": "revoked",
    "token_page_role_missing": "ANALYZE",
    "token_malformed": "without quotes",
    "page_token_required": "Page's own token",
    "token_missing": "No token was sent",
    "me_without_token": "not the app's",
    "session_invalid": "session of the token",
    "appsecret_proof_invalid": "META_APP_SECRET",
    "appsecret_proof_missing": "Require App Secret",
    "app_no_permission": "Develop app",
    "ads_owner_not_granted": "View performance",
    "business_permission_missing": "business_management",
    "api_access_blocked": "App Dashboard > Alerts",
    "monetization_permission": "Revenue",
    "missing_permissions_generic": "scope is missing",
    "object_not_found": "act=",
    "dev_tier_access": "Marketing API Access Tier",
    "extended_permission_294": "only reads",
    "marketing_version_deprecated": "api_version",
    "endpoint_deprecated_12": "removed from this API version",
    "nonexisting_field": "no sign of an old API version",
    "insights_invalid_field": "insights field",
    "invalid_enum_value": "none of those Meta knows",
    "breakdown_combo_invalid": "breakdowns cannot be combined",
    "range_beyond_37_months": "start_date",
    "invalid_cursor": "first page",
    "cursor_too_deep": "longer than",
    "ids_param_removed": "`ids`",
    "date_format_removed": "`date_format`",
    "too_many_rows": "too large",
    "reduce_data": "too large",
    "sync_timeout": "too large",
    "reach_breakdown_throttle": "ten jobs",
    "summary_param_glitch": "job failed",
    "unknown_transient": "metastatus.com",
    "service_unavailable_2": "metastatus.com",
    "unknown_99": "unknown error",
    "html_502": "proxy answered",
    "service_unavailable_200": "unavailable",
    "app_limit": "app's own hourly limit",
    "insights_app_limit": "insights questions of this app",
    "insights_global_load": "under load",
    "account_score_limit": "60 points",
    "page_user_limit": "person's token",
    "custom_limit_613": "this one path",
    "account_limit_613": "60 points",
    "mutation_qps_613": "limit for writing",
    "buc_insights": "hourly insights limit",
    "buc_pages": "Page's limit",
    "buc_instagram": "Instagram account's limit",
    "buc_ads_management": "listing objects",
    "policy_block": "reasons of policy",
    "page_metric_invalid": "docs/metrics.md",
    "page_no_metric": "No metric",
    "page_period_invalid": "period",
    "page_range_too_wide": "90 days",
    "page_range_93_days": "90 days",
    "ig_range_30_days": "Instagram's at 30",
    "ig_metric_type": "one total only",
    "ig_impressions_removed": "`views`",
    "ig_not_enough_viewers": "not zero",
    "batch_too_large": "50 questions",
    "batch_item_null": "others are fine",
    "batch_item_error": "hourly insights limit",
    "async_report_failed": "job failed",
    "async_timeout": "ran out of time",
    "async_invalid_breakdowns": "breakdowns that cannot be",
    "async_intermittent": "job failed",
    "async_too_large": "by campaigns",
    "async_permission": "View performance",
    "async_skipped": "dropped the report job",
    "silent_page_no_read_insights": "read_insights",
    "silent_breakdown_beyond_13_months": "not as zero",
    "silent_view_window_removed": "attribution_windows",
    "silent_optin_breakdown": "Opt in",
    "silent_version_upgrade": "another API version",
}


def failure_in(case: dict[str, Any]) -> Failure:
    """The failure that a case of the catalogue is, as the client would see it."""
    path = "act_1/insights" if case["applies_to"][0] in ("any", "ads_insights") else "1"
    payload, body = case["payload"] or {}, case["raw_body"] or ""
    if "error" in payload:
        return failure_of(path, case["http_status"], payload)
    if "async_status" in payload:
        numbers = (payload.get("error_code"), payload.get("error_subcode"))
        return Failure(path, 200, *numbers, payload["async_status"])
    if body.endswith(",null]"):  # the client's own words for it
        return Failure(path, None, None, None, "Meta did not get to this call of a batch")
    if body.startswith("[{"):
        (item,) = orjson.loads(body)
        return failure_of(path, item["code"], orjson.loads(item["body"]))
    return Failure(path, case["http_status"], None, None, "an answer without an error payload")


@pytest.mark.skipif(not CATALOGUE, reason="the catalogue of errors is not at hand")
@pytest.mark.parametrize("case", CATALOGUE, ids=[case["id"] for case in CATALOGUE])
def test_each_catalogued_error_has_advice_of_its_own(case: dict[str, Any]):
    """No case gets the advice that unknown errors get, and each speaks of its cause."""
    silent = SILENT.get(case["id"])
    advice = FINDINGS[silent] if silent else advice_for(failure_in(case))
    general = advice_for(Failure("x", 400, 100, None, "something new"))
    assert advice not in (UNKNOWN, general)
    assert SPEAKS_OF[case["id"]] in f"{advice.meaning} {advice.fix}"


@pytest.mark.skipif(not CATALOGUE, reason="the catalogue of errors is not at hand")
def test_the_whole_catalogue_is_looked_at():
    """All 81 cases are in the table above, and nothing else is."""
    assert set(SPEAKS_OF) == {case["id"] for case in CATALOGUE}


def failure(
    code: int | None, subcode: int | None = None, text: str = "no", path: str = "act_1"
) -> Failure:
    """An answer that refuses."""
    return Failure(path, 400, code, subcode, text)


def test_the_setup_guides_errors_in_their_right_reading():
    """A missing field is no old version, and an empty answer no lack of access."""
    field = advice_for(failure(100, text="(#100) Tried accessing nonexisting field (x)"))
    assert "no sign of an old API version" in field.meaning
    action = advice_for(failure(10, text="(#10) Application does not have permission"))
    assert "Develop app" in action.fix
    assert "Marketing API > Set up" in action.fix
    assert "revoked" in advice_for(failure(190, text="Invalid OAuth access token")).meaning
    assert "would be an error" in FINDINGS["ads answer nothing"].meaning
    assert "read_insights" in FINDINGS["page answers nothing"].fix


@pytest.mark.parametrize(
    ("path", "surface", "menu"),
    [
        ("act_1/insights", "", "Ad accounts > (account) > View performance"),
        ("104882210", "page", "Pages > (Page) > Insights"),
        ("17841400000000000", "instagram", "Instagram accounts > (account)"),
        ("23850000000000000", "", "Assign assets"),
    ],
)
def test_the_menu_follows_what_was_asked(path: str, surface: str, menu: str):
    """The same code 100/33 leads to the ad account's, the Page's or the Instagram's menu."""
    assert menu in advice_for(failure(100, 33, path=path), surface).fix


def test_code_and_subcode_decide_whatever_the_text():
    """Texts change and are translated; a number is believed first."""
    told = advice_for(failure(190, 463, "Invalid OAuth access token - Cannot parse access token"))
    assert told == advice_for(failure(190, 463, "Sitzung abgelaufen"))
    assert told != advice_for(failure(190, None, "Cannot parse access token"))


@pytest.mark.parametrize(
    ("code", "status", "meant"),
    [
        (190, 400, "no longer valid"),
        (275, 403, "may not see"),
        (80014, 400, "quota"),
        (None, 403, "lacks a permission"),
        (None, 429, "limit"),
        (None, 503, "at this moment"),
        (None, None, "network"),
        (99999, 400, "not known here"),
    ],
)
def test_what_is_new_falls_back_on_what_is_near(code: int | None, status: int | None, meant: str):
    """An unknown subcode, code or status still gets the advice of its kind."""
    assert meant in advice_for(Failure("x", status, code, 4711, "new")).meaning


def test_each_advice_is_a_sentence_and_a_next_step():
    """No advice is empty, ends twice, or speaks of one and the same case twice."""
    told: list[Advice] = [case.advice for case in CASES] + list(FINDINGS.values())
    for advice in told:
        assert advice.meaning[0].isupper() or advice.meaning.startswith(("`", "7d"))
        assert len(advice.fix) > 20
        assert not advice.meaning.endswith(".")
        assert not advice.fix.endswith(".")
    titles = [case.title for case in CASES]
    assert len(titles) == len(set(titles))


def test_the_set_up_guide_has_every_error():
    """Fails when an advice changed; put `advice.markdown()` at the end of the page."""
    text = (Path(__file__).parents[2] / "docs" / "setup-meta.md").read_text(encoding="utf-8")
    assert text.endswith(markdown())
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}
    assert len(rows) == len(CASES) + len(FINDINGS) + 4
