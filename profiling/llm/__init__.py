"""Generative language models: one contract, whoever answers, and the check of what they write."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiling.llm.contract import LanguageModel
    from profiling.settings import Settings


def open_model(settings: "Settings") -> "LanguageModel | None":
    """The model that the settings name; None where they name none, and templates write."""
    return None
