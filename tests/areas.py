"""Landing areas for tests, a folder or a bucket of the S3 server, and what lies in them."""

import pytest

from profiling.collect.area import Area
from profiling.collect.drops import landing_area
from profiling.settings import Settings

KINDS = ("folder", "bucket")


def landing_in(kind: str, settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The settings with a landing area of that kind, empty."""
    if kind == "folder":
        return settings
    s3 = request.getfixturevalue("s3")
    return settings.model_copy(update={"landing": f"{s3.uri}/shop/landing", "s3_endpoint": s3.endpoint})


def deliver(settings: Settings, source: str, day: str, *, is_complete: bool = True, **files: str | bytes) -> None:
    """Write files (`rows_jsonl` is rows.jsonl) and the marker, as a source would."""
    area = landing_area(settings)
    for name, content in files.items():
        area.put(content.encode() if isinstance(content, str) else content, source, day, name.replace("_", "."))
    if is_complete:
        area.put(b"", source, day, "_SUCCESS")


def tree(area: Area, *names: str) -> dict[str, bytes]:
    """Content by path of all that lies below some names."""
    level = area.level(*names)
    if level is None:
        return {}
    found = {"/".join((*names, name)): area.read(*names, name) or b"" for name in level.files}
    for name in level.folders:
        found |= tree(area, *names, name)
    return found
