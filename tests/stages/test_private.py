"""What one person writes of their health, from the drop to what is published."""

import gzip
import json
from pathlib import Path

from profiling import stages
from tests.worlds import documents, published, settings_in

DAY = "2026-06-10"
MAIL = "I was diagnosed with diabetes last month and I need a kitchen scale"


def test_what_one_person_says_of_their_health_is_not_published(tmp_path: Path, static_cache: Path) -> None:
    settings = settings_in(tmp_path, static_cache)
    folder = Path(settings.landing) / "events" / DAY
    folder.mkdir(parents=True)
    said = [("ann", MAIL), *((f"c{number}", "This coffee grinder is quiet and even.") for number in range(6))]
    rows = [
        {
            "event_id": who,
            "identifiers": {"customer": who},
            "occurred_at": f"{DAY}T10:00:00Z",
            "kind": "email",
            "text": f"{text} {'today' * (who == 'ann')}",
        }
        for who, text in said
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "_SUCCESS").touch()
    list(stages.run_days(settings, DAY, DAY))

    found = documents(settings, DAY)
    assert len(found) == 7
    (ann,) = [each for each in found.values() if any("scale" in one["topic"] for one in each["interests"])]
    assert not any(word in one["topic"] for one in ann["interests"] for word in ("diabetes", "diagnosed"))
    objects = published(settings)
    assert any(name.endswith("report.html") for name in objects)
    for name, body in objects.items():
        text = gzip.decompress(body) if name.endswith(".gz") else body
        assert b"diabetes" not in text.lower(), name
    assert (
        b"scale"
        not in next(body for name, body in objects.items() if name.endswith("report.html"))
        .split(b"h-segment")[0]
        .split(b'id="h-interest"')[1]
    )
