"""The command line: `meta-pipeline`."""

from meta_pipeline.cli.app import main

__all__ = ["main"]
