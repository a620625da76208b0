"""meta-pipeline: Meta's paid and organic numbers, with what was known when."""

__version__ = "0.1.0"
