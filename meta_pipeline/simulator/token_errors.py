"""What Meta answers to tokens that are missing, bad, or may not do what they ask."""

from datetime import datetime, timedelta

from meta_pipeline.simulator.errors import GraphError
from meta_pipeline.simulator.source import PACIFIC


def page_token_required() -> GraphError:
    """The answer to a person's token on Page Insights."""
    return GraphError("(#190) This method must be called with a Page Access Token", 190)


def no_ads_permission() -> GraphError:
    """The answer to a token without `ads_read` (captured text)."""
    return GraphError(
        "(#200) Ad account owner has NOT grant ads_management or ads_read permission",
        200,
        status=403,
    )


def no_permission() -> GraphError:
    """The answer to a token without the scope that an organic edge needs."""
    return GraphError("(#10) Application does not have permission for this action", 10, status=403)


def no_user() -> GraphError:
    """The answer to `/me` without a token, or with the app's."""
    return GraphError(
        "An active access token must be used to query information about the current user.",
        2500,
    )


def missing_token(path: str) -> GraphError:
    """The answer to a call without a token."""
    if path.split("/")[0] == "me":
        return no_user()
    return GraphError("An access token is required to request this resource.", 104)


def malformed_token() -> GraphError:
    """The answer to a text that is no token, or none that is known."""
    return GraphError("Invalid OAuth access token - Cannot parse access token", 190)


def expired_token(now: datetime) -> GraphError:
    """The answer to a token that ended two days ago."""
    here = now.astimezone(PACIFIC)
    then = (here - timedelta(days=2)).replace(minute=0, second=0)
    form = "%A, %d-%b-%y %H:%M:%S %Z"
    return GraphError(
        f"Error validating access token: Session has expired on {then.strftime(form)}. "
        f"The current time is {here.strftime(form)}.",
        190,
        subcode=463,
    )
