"""What can go wrong, for whom it is written.

MetaPipelineError            anything this project raises on purpose
 ├─ ConfigError              clients.yml, the environment or the command line is wrong
 ├─ WarehouseError           the warehouse cannot be opened, locked or read
 ├─ ReportError              a client's report cannot be made
 └─ GraphError               Meta did not answer as asked (its tree: `graph/errors.py`)
"""


class MetaPipelineError(Exception):
    """An error with a message for a person: what and where, and the next step as `hint`."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigError(MetaPipelineError):
    """clients.yml, the environment or the command line asks for something that cannot be."""


class WarehouseError(MetaPipelineError):
    """The warehouse cannot be opened, locked or read."""


class ReportError(MetaPipelineError):
    """A client's report cannot be made: nothing is known, or what it needs is not installed."""
