"""What is wrong with a setting, in words that hold no value of it."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meta_pipeline.config.fields import API_VERSION, DEFAULT_SYNC_AFTER

FORMS = {
    "id": "letters, digits, - and _, 63 at most",
    "ad_accounts": "digits, with or without act_",
    "META_AD_ACCOUNT_ID": "digits, with or without act_",
    "pages": "digits: the Page's id, not its name",
    "instagram_accounts": "digits: the account's id, not the @name",
    "api_version": f"write it like {API_VERSION}",
    "currency": "three capital letters, such as EUR",
    "result": "an action type, such as omni_purchase",
    "sync_after": f'hours and minutes in quotes, like "{DEFAULT_SYNC_AFTER}"',
    "token_env": "the name of an environment variable, in capitals",
    "webhook_env": "the name of an environment variable, in capitals; its value is the address",
    "password_env": "the name of an environment variable, in capitals",
    "host": "the SMTP server's name, such as smtp.example.com",
    "from": "an e-mail address",
    "to": "e-mail addresses",
    "color": "write it like #0f766e",
    "logo": "the path of a .png or .svg file",
}
"""What a text must look like, by the key or variable that it stands under."""


def explain(error: ValidationError) -> str:
    """Each problem with its place; never the value, which may be a secret."""
    found = error.errors(include_input=False, include_url=False)
    # A list without its wrong items may be too short, which is no problem of its own.
    within = {e["loc"][:depth] for e in found for depth in range(1, len(e["loc"]))}
    problems = (
        f"{'.'.join(str(part) for part in e['loc']) or 'the file'}: {_problem(e)}"
        for e in found
        if not (e["type"] == "too_short" and e["loc"] in within)
    )
    return "; ".join(problems)


def _problem(one: ErrorDetails) -> str:
    """One problem in plain words."""
    match one["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "tuple_type":
            return "must be a list, in square brackets"
        case "string_pattern_mismatch":
            key = next((part for part in reversed(one["loc"]) if isinstance(part, str)), "")
            return FORMS.get(key, one["msg"])
        case _:
            return one["msg"].removeprefix("Value error, ")
