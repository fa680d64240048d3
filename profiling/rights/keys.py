"""The key that every keyed hash of a lake is made with."""

from profiling.lake import Lake
from profiling.settings import Settings


def pseudonym_key(lake: Lake, settings: Settings) -> bytes:
    """The key of the lake's pseudonyms.

    Raises:
        SettingsError: PROFILING_PSEUDONYM_KEY is not set, or too short.
    """
    return settings.key()
