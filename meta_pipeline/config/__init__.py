"""What the user sets: clients.yml and the environment."""

from meta_pipeline.config.explain import (
    FORMS,
)
from meta_pipeline.config.fields import (
    API_VERSION,
    DEFAULT_TOKEN_VARIABLE,
    GRAPH_HOST,
    IMPLICIT_TLS_PORT,
    LOOPBACK,
)
from meta_pipeline.config.models import (
    Alerts,
    Client,
    ClientsFile,
    Email,
)
from meta_pipeline.config.reading import (
    load_alerts,
    load_clients,
    parse_clients,
    select_clients,
)
from meta_pipeline.config.secrets import (
    read_secret,
)
from meta_pipeline.config.settings import (
    Lake,
    Settings,
    load_settings,
)
from meta_pipeline.config.tokens import (
    token_in,
    token_of,
    without_tokens,
)

__all__ = [
    "API_VERSION",
    "DEFAULT_TOKEN_VARIABLE",
    "FORMS",
    "GRAPH_HOST",
    "IMPLICIT_TLS_PORT",
    "LOOPBACK",
    "Alerts",
    "Client",
    "ClientsFile",
    "Email",
    "Lake",
    "Settings",
    "load_alerts",
    "load_clients",
    "load_settings",
    "parse_clients",
    "read_secret",
    "select_clients",
    "token_in",
    "token_of",
    "without_tokens",
]
