"""Protocols: how our models are measured on public data, each beside the baselines it has to beat.

A protocol is a module with `run(inputs, cache, models, folds) -> Report`.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from profiling.errors import SettingsError

if TYPE_CHECKING:
    from profiling.behaviour.protocols.report import Report

PROTOCOLS = ("aspects", "embedding", "facts", "keywords", "redaction", "returns", "satisfied", "sentiment", "topics")


def protocol(name: str) -> "Callable[..., Report]":
    """The function `run` of a protocol.

    Raises:
        SettingsError: there is none of this name.
    """
    if name not in PROTOCOLS:
        raise SettingsError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    run: Callable[..., Report] = import_module(f"{__name__}.{name}").run
    return run
