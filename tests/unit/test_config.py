"""clients.yml and the environment."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meta_pipeline.config import (
    API_VERSION,
    FORMS,
    GRAPH_HOST,
    Client,
    ClientsFile,
    load_alerts,
    load_clients,
    load_settings,
    parse_clients,
    select_clients,
    token_of,
)
from meta_pipeline.errors import ConfigError
from meta_pipeline.reports import DEFAULT_REPORTS, REPORTS, REQUIRED_REPORTS

TOKEN = "EAA" + "Bx7" * 30
GOOD = """
version: 1
defaults:
  result: lead
  token_env: AGENCY_TOKEN
clients:
  - id: acme-dental
    name: Acme Dental Care
    ad_accounts: [act_1203987650001]
    pages: ["104882210"]
    start_date: 2026-08-01
    result: onsite_conversion.lead_grouped
    targets: {spend: 3200, results: 260, cost_per_result: 12.5}
    brand: {color: "#0f766e"}
  - id: cafe-luna
    name: Café Luna
    ad_accounts: [1203987650002]
"""


def one_client(line: str) -> str:
    """A file with one client and one more line in it."""
    return f"version: 1\nclients:\n  - id: a\n    name: A\n    ad_accounts: [act_1]\n    {line}\n"


def with_alerts(section: str) -> str:
    """A file with one client and a section `alerts`."""
    return one_client("") + f"alerts: {section}\n"


def refusal(text: str) -> str:
    """What the error says about the file, hint included."""
    with pytest.raises(ConfigError) as raised:
        parse_clients(text)
    return str(raised.value)


def test_a_good_file_is_read() -> None:
    """Every setting arrives with its type."""
    acme, _ = parse_clients(GOOD).clients
    assert (acme.id, acme.name) == ("acme-dental", "Acme Dental Care")
    assert (acme.ad_accounts, acme.pages) == (("act_1203987650001",), ("104882210",))
    assert acme.start_date == date(2026, 8, 1)
    assert (acme.targets.spend, acme.targets.cost_per_result) == (Decimal(3200), Decimal("12.5"))
    assert acme.targets.results == 260
    assert acme.brand.color == "#0f766e"


def test_the_example_file_is_good() -> None:
    """What people are told to copy is accepted."""
    path = Path(__file__).resolve().parents[2] / "clients.example.yml"
    clients = parse_clients(path.read_text(encoding="utf-8"), name=path.name).clients
    assert len(clients) >= 2


def test_defaults_fill_what_a_client_leaves_out() -> None:
    """A client's own setting wins over the file's defaults, those over ours."""
    acme, luna = parse_clients(GOOD).clients
    assert (acme.result, luna.result) == ("onsite_conversion.lead_grouped", "lead")
    assert (acme.token_env, luna.token_env) == ("AGENCY_TOKEN", "AGENCY_TOKEN")
    assert (acme.api_version, luna.api_version) == (API_VERSION, API_VERSION)
    assert (luna.pages, luna.start_date, luna.targets.spend) == ((), None, None)


def test_without_defaults_ours_hold() -> None:
    """`defaults:` may be left out or left empty."""
    for text in (one_client(""), one_client("") + "defaults:\n"):
        (client,) = parse_clients(text).clients
        assert (client.result, client.token_env) == ("omni_purchase", "META_ACCESS_TOKEN")


def test_the_margin_after_a_day_is_three_hours_unless_the_file_says_otherwise() -> None:
    """For all clients in `defaults`, for one of them in its own lines."""
    text = one_client("") + "  - {id: b, name: B, ad_accounts: [2], sync_after: '05:45'}\n"
    margins = [client.settling_margin for client in parse_clients(text).clients]
    assert margins == [timedelta(hours=3), timedelta(hours=5, minutes=45)]
    text += "defaults: {sync_after: '01:00'}\n"
    assert parse_clients(text).clients[0].settling_margin == timedelta(hours=1)


def test_ids_may_be_numbers() -> None:
    """YAML reads a bare id as a number; it becomes the id."""
    (client,) = parse_clients(one_client("pages: [104882210]")).clients
    assert client.pages == ("104882210",)
    assert parse_clients(GOOD).clients[1].ad_accounts == ("act_1203987650002",)


def test_assets_by_surface() -> None:
    """Ad accounts for ads, Pages for pages."""
    acme, _ = parse_clients(GOOD).clients
    assert acme.assets("ads") == acme.ad_accounts
    assert acme.assets("page") == acme.pages
    (client,) = parse_clients(one_client("instagram_accounts: [17841400000000001]")).clients
    assert client.assets("instagram") == ("17841400000000001",)
    assert acme.assets("instagram") == ()


def test_a_client_gets_the_reports_in_its_list_and_those_nothing_works_without() -> None:
    """Without a list it gets the default ones."""
    (client,) = parse_clients(one_client("reports: [ad_daily, country_daily]")).clients
    gotten = {name for name, report in REPORTS.items() if client.gets(report)}
    assert gotten == {"ad_daily", "country_daily", *REQUIRED_REPORTS}
    (client,) = parse_clients(one_client("")).clients
    assert {n for n, report in REPORTS.items() if client.gets(report)} == set(DEFAULT_REPORTS)


def test_reports_and_windows_have_defaults_of_the_file() -> None:
    """A client's own list wins, and does not add to it."""
    text = one_client("reports: [ads]") + (
        "defaults: {reports: [campaigns], attribution_windows: [28d_click]}\n"
    )
    (client,) = parse_clients(text).clients
    assert (client.reports, client.attribution_windows) == (("ads",), ("28d_click",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reports: [ad_dayly]", "no report is called 'ad_dayly'; docs/reports.md lists them"),
        ("attribution_windows: [7d_view]", "7d_view died on 2026-01-12"),
        ("attribution_windows: [28d_view]", "28d_view died on 2026-01-12"),
        ("attribution_windows: [7d_click_1d_view]", "1d_click, 7d_click, 28d_click, 1d_view"),
    ],
)
def test_a_report_or_window_that_is_not_is_refused(line: str, message: str) -> None:
    """Meta answers dead windows with nothing, so they are refused with the day they died."""
    assert message in refusal(one_client(line))


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("colour: red", "clients.0.colour: unknown key"),
        ("targets: {spnd: 5}", "clients.0.targets.spnd: unknown key"),
        ("targets: {spend: 0}", "clients.0.targets.spend"),
        ("targets: {results: -1}", "clients.0.targets.results"),
        ("targets: {spend: .nan}", "clients.0.targets.spend"),
        ("start_date: soon", "clients.0.start_date"),
        ("api_version: 26", "clients.0.api_version"),
        ("api_version: v26", "clients.0.api_version"),
        ("token_env: my token", "clients.0.token_env"),
        ("result: link click", "clients.0.result"),
        ("brand: {color: teal}", "clients.0.brand.color"),
        ("pages: [my-page]", "clients.0.pages.0"),
    ],
)
def test_a_wrong_setting_is_named_by_its_place(line: str, where: str) -> None:
    """The error says where in the file, and where to look for an example."""
    text = refusal(one_client(line))
    assert where in text
    assert "clients.example.yml" in text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("attribution_windows: [7d_view]", "0: 7d_view died on 2026-01-12"),
        ("reports: ad_daily", "clients.0.reports: must be a list"),
        ("instagram_accounts: ['@acme']", "instagram_accounts.0: digits: the account's id"),
        ("api_version: '26'", "api_version: write it like v26.0"),
        ("currency: eur", "currency: three capital letters"),
        ("sync_after: '3:00'", "sync_after: hours and minutes in quotes"),
        ("sync_after: '24:00'", "sync_after: hours and minutes in quotes"),
        ("sync_after: 12:30", "sync_after: write it in quotes"),
    ],
)
def test_a_problem_is_told_once_in_plain_words(line: str, told: str) -> None:
    """No pattern, and no list that seems too short since its one client is wrong."""
    text = refusal(one_client(line))
    assert told in text
    assert not any(word in text for word in ("Value error", "pattern", "at least 1 item"))


def test_every_pattern_has_words() -> None:
    """A text that must look some way is explained by the key that it stands under."""
    schema = ClientsFile.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    keys = {
        key
        for model in models
        for key, about in model["properties"].items()
        if "'pattern'" in repr(about)
    }
    assert keys
    assert keys <= set(FORMS)


@pytest.mark.parametrize("account", ["act_", "act_12x", "12x", "ACT_1", "", "true", "act_1 2"])
def test_a_bad_account_id_is_refused(account: str) -> None:
    """An ad account is `act_` and digits, or digits."""
    text = refusal(one_client("").replace("act_1", f"'{account}'"))
    assert "clients.0.ad_accounts.0" in text


@pytest.mark.parametrize("client_id", ["-a", "a b", "a/b", "..", "", "a" * 64, "é"])
def test_a_bad_client_id_is_refused(client_id: str) -> None:
    """The id names folders and partitions, so it is letters, digits, - and _."""
    assert "clients.0.id" in refusal(one_client("").replace("id: a", f"id: '{client_id}'"))


def test_ids_of_clients_must_differ() -> None:
    """The error names the id that is there twice."""
    assert "given twice: cafe-luna" in refusal(GOOD.replace("acme-dental", "cafe-luna"))


@pytest.mark.parametrize(
    "line", ["ad_accounts: [1, act_1]", "pages: [7, '7']", "instagram_accounts: [7, '7']"]
)
def test_an_account_or_page_stands_once(line: str) -> None:
    """With and without prefix, as number and as text, it is the same id."""
    text = one_client(line)
    if line.startswith("ad_"):
        text = text.replace("    ad_accounts: [act_1]\n", "")
    assert "client a names one account or Page twice" in refusal(text)


@pytest.mark.parametrize("line", ["", "pages: [5]", "instagram_accounts: [6]"])
def test_an_account_or_page_belongs_to_one_client(line: str) -> None:
    """Its figures would be counted twice; the error names both clients and the asset."""
    number = "2" if line else "act_1"
    other = (
        one_client(line).split("clients:\n")[1].replace("act_1", number).replace("id: a", "id: b")
    )
    shared = line.split("[")[1][0] if line else "act_1"
    assert f"clients a and b both name {shared}" in refusal(one_client(line) + other)


@pytest.mark.parametrize("text", ["", "- a\n- b", "hello", "version: 1", "clients: []"])
def test_a_file_without_clients_is_refused(text: str) -> None:
    """The hint leads to the example."""
    assert "clients.example.yml" in refusal(text)


def test_another_version_of_the_file_is_refused() -> None:
    """Only version 1 is known."""
    assert "version" in refusal(GOOD.replace("version: 1", "version: 2"))


@pytest.mark.parametrize("text", ["clients: [", "a: b: c", "\t- a", "a: !x y", "a: \x01"])
def test_what_is_not_yaml_is_refused(text: str) -> None:
    """The error says that it is not YAML."""
    assert "is not YAML" in refusal("version: 1\n" + text)


def test_the_line_that_is_not_yaml_is_named() -> None:
    """A person can go there."""
    assert "clients.yml line 3 is not YAML" in refusal("version: 1\nname: x\na: b: c\n")


SECRETS = [
    TOKEN,
    "EAABwzLixnjYBO0ZC",
    "1234567890|AbCdEf0123456789_-xy",
    "k" * 80,
    "-".join(["k7"] * 40),
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "line", ["token: {}", "name: {}", "token_env: {}", "# {}", '{}: "x"', "pages: ['{}']"]
)
def test_a_token_in_the_file_is_refused_and_not_repeated(secret: str, line: str) -> None:
    """The error names the line, never the value, and says what to do."""
    text = refusal(one_client(line.format(secret)))
    assert "clients.yml line 6 holds something that looks like an access token" in text
    assert secret not in text
    assert "token_env" in text


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=10))
@settings(max_examples=30, deadline=None)
def test_no_token_is_ever_repeated(tail: str) -> None:
    """Whatever follows EAA, the line is refused and the text stays out of the error."""
    assert "EAA" not in refusal(one_client(f"name: EAA{tail}"))


@pytest.mark.parametrize(
    "line",
    [
        "name: {}",
        "start_date: {}",
        "result: '{} x'",
        "token_env: {}",
        "api_version: {}",
        "targets: {{spend: {}}}",
        "brand: {{color: {}}}",
        "pages: [{}]",
        "pages: {}",
        "targets: {}",
    ],
)
def test_a_wrong_value_is_never_repeated(line: str) -> None:
    """A short secret in a wrong place does not reach the error either."""
    text = one_client(line.format("hunter2secret"))
    if line != "name: {}":
        assert "hunter2secret" not in refusal(text)
        return
    assert "hunter2secret" not in refusal(text.replace("version: 1", "version: 9"))


def test_the_environment_has_defaults() -> None:
    """Without any variable: Meta itself, data beside the working folder, no secret."""
    found = load_settings()
    assert (found.home, found.clients_file) == (Path.cwd() / "data", Path.cwd() / "clients.yml")
    assert (found.graph_url, found.app_secret, found.ad_account_id) == (GRAPH_HOST, None, None)


def test_paths_follow_from_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One variable moves the warehouse, the marts and the spool."""
    monkeypatch.setenv("META_PIPELINE_HOME", str(tmp_path / "x" / ".." / "home"))
    found = load_settings()
    home = tmp_path.resolve() / "home"
    assert found.warehouse == home / "warehouse.duckdb"
    assert (found.marts, found.spool) == (home / "marts.duckdb", home / "spool")


def test_secrets_are_masked_where_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app secret shows in neither repr nor str."""
    monkeypatch.setenv("META_APP_SECRET", "hunter2")
    found = load_settings()
    assert found.app_secret is not None
    assert found.app_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{found!r} {found} {found.model_dump()}"


def test_a_wrong_variable_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which variable, without its value."""
    monkeypatch.setenv("META_AD_ACCOUNT_ID", TOKEN)
    with pytest.raises(ConfigError, match="META_AD_ACCOUNT_ID") as raised:
        load_settings()
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    ["graph.facebook.com", "https://", "ftp://127.0.0.1", "http:127.0.0.1"],
)
def test_a_host_that_is_no_web_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Before anything is asked; the variable is named, and what it should look like."""
    monkeypatch.setenv("META_GRAPH_URL", url)
    with pytest.raises(ConfigError, match=f"META_GRAPH_URL: write it like {GRAPH_HOST}"):
        load_settings()


def test_meta_is_never_asked_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token would be readable on its way; loopback is another matter."""
    monkeypatch.setenv("META_GRAPH_URL", "http://graph.facebook.com")
    with pytest.raises(ConfigError, match="over https"):
        load_settings()
    monkeypatch.setenv("META_GRAPH_URL", "http://127.0.0.1:8787")
    assert load_settings().graph_url == "http://127.0.0.1:8787"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://graph.facebook.com.example.com",
        "https://evilfacebook.com",
        "https://graph.facebook.com:8443",
        "https://name@graph.facebook.com",
        "http://192.168.0.7:8787",
        "https://example.com\\.facebook.com",
        "https://example.com%2f.facebook.com",
        "https://example.com;.facebook.com",
        "https://example.com\t.facebook.com",
        "https://example\u3002com/.facebook.com",
        "http://localhost\\@example.com",
        "ftp://graph.facebook.com",
    ],
)
def test_a_token_goes_to_meta_or_stays_on_the_machine(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Any other host is refused before it is asked."""
    monkeypatch.setenv("META_GRAPH_URL", url)
    with pytest.raises(ConfigError, match="META_GRAPH_URL"):
        load_settings()


def test_one_account_in_the_environment_is_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without clients.yml, META_AD_ACCOUNT_ID makes one client."""
    monkeypatch.setenv("META_PIPELINE_CLIENTS", str(tmp_path / "none.yml"))
    monkeypatch.setenv("META_AD_ACCOUNT_ID", "1203987650001")
    (client,) = load_clients(load_settings())
    assert (client.id, client.ad_accounts) == ("act_1203987650001", ("act_1203987650001",))


def test_without_any_client_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A missing file is named; the hint offers the command that writes it, and a variable."""
    monkeypatch.setenv("META_PIPELINE_CLIENTS", str(tmp_path / "none.yml"))
    with pytest.raises(ConfigError, match=r"none\.yml does not exist") as raised:
        load_clients(load_settings())
    assert "meta-pipeline init" in str(raised.value.hint)
    assert "META_AD_ACCOUNT_ID" in str(raised.value.hint)


def test_the_file_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a clients.yml, META_AD_ACCOUNT_ID is not looked at."""
    path = tmp_path / "clients.yml"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("META_PIPELINE_CLIENTS", str(path))
    monkeypatch.setenv("META_AD_ACCOUNT_ID", "1")
    assert [client.id for client in load_clients(load_settings())] == ["acme-dental", "cafe-luna"]


def test_a_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Latin-1 and folders alike."""
    path = tmp_path / "clients.yml"
    path.write_bytes(GOOD.encode("latin-1"))
    for unreadable in (path, tmp_path):
        monkeypatch.setenv("META_PIPELINE_CLIENTS", str(unreadable))
        with pytest.raises(ConfigError, match="cannot be read"):
            load_clients(load_settings())


def test_the_token_comes_from_the_variable_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks around it are dropped; printing it shows stars."""
    monkeypatch.setenv("AGENCY_TOKEN", f" {TOKEN}\n")
    token = token_of(parse_clients(GOOD).clients[0])
    assert token.get_secret_value() == TOKEN
    assert TOKEN not in f"{token!r} {token}"


@pytest.mark.parametrize("value", ["", "  "])
def test_a_missing_token_names_client_and_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Empty is missing."""
    monkeypatch.setenv("AGENCY_TOKEN", value)
    with pytest.raises(ConfigError, match=r"'acme-dental': AGENCY_TOKEN is not set"):
        token_of(parse_clients(GOOD).clients[0])


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "“quoted”"])
def test_what_cannot_be_a_token_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The error names the variable and not what it holds."""
    monkeypatch.setenv("AGENCY_TOKEN", value)
    with pytest.raises(ConfigError, match="AGENCY_TOKEN") as raised:
        token_of(parse_clients(GOOD).clients[0])
    assert value not in str(raised.value)


def clients_named(*names: str) -> tuple[Client, ...]:
    """Clients with these ids."""
    return tuple(Client(id=name, name=name, ad_accounts=("act_1",)) for name in names)


def test_clients_are_selected_in_the_files_order() -> None:
    """Naming none means all."""
    clients = clients_named("a", "b", "c")
    assert select_clients(clients, []) == clients
    assert [client.id for client in select_clients(clients, ["c", "a", "c"])] == ["a", "c"]


def test_an_unknown_client_is_refused_with_the_known_ones() -> None:
    """The hint lists what there is."""
    with pytest.raises(ConfigError, match="unknown client 'nope'") as raised:
        select_clients(clients_named("a", "b"), ["a", "nope"])
    assert raised.value.hint == "clients.yml has a, b"


@pytest.mark.parametrize(
    "line",
    [
        "{id: a, name: A, ad_accounts: [act_1], start_date: 2026-02-30}",
        "{id: a, name: A, ad_accounts: ['\u0661\u0662\u0663']}",
        "{id: a, name: A, ad_accounts: [act_1], ad_accounts: [act_2]}",
        "*hunter2secret",
        "!hunter2secret a",
    ],
)
def test_what_yaml_would_let_pass_is_refused(line: str) -> None:
    """A day that is none, other digits, a key given twice, aliases; and nothing is repeated."""
    with pytest.raises(ConfigError) as refusal:
        parse_clients(f"version: 1\nclients:\n  - {line}\n")
    assert "hunter2secret" not in str(refusal.value)


def test_empty_variables_are_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and CI set variables to nothing."""
    names = ("META_APP_SECRET", "META_PIPELINE_HOME", "META_AD_ACCOUNT_ID", "META_GRAPH_URL")
    for name in names:
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert (settings.app_secret, settings.ad_account_id) == (None, None)
    assert (settings.home.name, settings.graph_url) == ("data", GRAPH_HOST)


def test_a_home_that_is_a_pattern_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB would read other files than the ones meant."""
    monkeypatch.setenv("META_PIPELINE_HOME", "data [prod]")
    with pytest.raises(ConfigError, match="META_PIPELINE_HOME"):
        load_settings()


def test_what_the_accounts_should_have_may_be_said() -> None:
    """Currency and time zone are optional, and must be ones there are."""
    lines = "currency: EUR\n    timezone: Europe/Berlin"
    (client,) = parse_clients(one_client(lines)).clients
    assert (client.currency, client.timezone) == ("EUR", "Europe/Berlin")
    assert "clients.0.currency" in refusal(one_client("currency: euro"))
    assert "Europe/Berlin" in refusal(one_client("timezone: Europe/Mars"))


def test_alerts_are_read() -> None:
    """Each kind of channel may be named once or in a list; without a section there is none."""
    alerts = parse_clients(
        with_alerts(
            "{webhook_env: HOOK, file: [a.jsonl, b.jsonl], email: {host: mx.example.com, "
            "from: a@b.example, to: c@d.example, user: u, password_env: MAIL_PASSWORD}}"
        )
    ).alerts
    assert alerts is not None
    assert alerts.webhook_env == ("HOOK",)
    assert alerts.file == (Path("a.jsonl"), Path("b.jsonl"))
    (email,) = alerts.email
    assert (email.port, email.starttls, email.sender) == (587, True, "a@b.example")
    assert (alerts.repeat_after_hours, alerts.send_resolved, alerts.least_severity) == (
        24,
        True,
        "warn",
    )
    assert parse_clients(one_client("")).alerts is None


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{webhook_env: https://hooks.slack.com/services/T0SECRET}", "its value is the address"),
        ("{webhook: https://hooks.slack.com/services/T0SECRET}", "alerts.webhook: unknown key"),
        ("{webhook_env: [HOOK, HOOK]}", "names one channel twice"),
        ("{email: {host: mx.example, from: a@b.c}}", "email.0.to: Field required"),
        ("{email: {host: mx.example, from: a, to: b@c.d}}", "email.0.from: an e-mail address"),
        (
            "{email: {host: mx.example, from: a@b.c, to: b@c.d, password: T0SECRET}}",
            "password: unknown key",
        ),
        ("{email: {host: mx.example, from: a@b.c, to: b@c.d, user: u}}", "go together"),
        (
            "{email: {host: mx.example, from: a@b.c, to: b@c.d, user: u, password_env: P, "
            "starttls: false}}",
            "could be read on its way",
        ),
        ("{repeat_after_hours: 0}", "greater than 0"),
        ("{least_severity: loud}", "'warn' or 'error'"),
    ],
)
def test_alerts_that_cannot_be(section: str, told: str) -> None:
    """The place is named, and never a value, which may be a secret."""
    error = refusal(with_alerts(section))
    assert told in error
    assert "T0SECRET" not in error


def test_a_password_may_stay_on_this_machine_without_tls() -> None:
    """To a relay on loopback nobody can read it; port 465 has TLS from the start."""
    login = "from: a@b.c, to: b@c.d, user: u, password_env: P, starttls: false"
    for where in ("host: localhost, port: 25", "host: mx.example, port: 465"):
        alerts = parse_clients(with_alerts(f"{{email: {{{where}, {login}}}}}")).alerts
        assert alerts is not None
        assert alerts.email[0].user == "u"


def test_load_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from clients.yml; without a file nobody is told."""
    monkeypatch.setenv("META_PIPELINE_CLIENTS", str(tmp_path / "clients.yml"))
    assert load_alerts(load_settings()) is None
    (tmp_path / "clients.yml").write_text(with_alerts("{file: a.jsonl}"), encoding="utf-8")
    alerts = load_alerts(load_settings())
    assert alerts is not None
    assert alerts.file == (Path("a.jsonl"),)
