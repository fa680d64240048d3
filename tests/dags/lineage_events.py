"""OpenLineage's run events as the specification shapes them, read from the file that a local Airflow writes."""

import json
from pathlib import Path
from typing import Any

import jsonschema

DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": {"type": "string", "pattern": "^(file:///|s3://)"},
        "name": {"type": "string", "minLength": 1},
        "facets": {"type": "object", "additionalProperties": {"required": ["_producer", "_schemaURL"]}},
    },
}
RUN_EVENT = {
    "type": "object",
    "required": ["eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "run": {"required": ["runId"], "properties": {"runId": {"type": "string", "format": "uuid"}}},
        "job": {"required": ["namespace", "name"], "properties": {"namespace": {"const": "profiling"}}},
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
        "schemaURL": {"type": "string", "pattern": "^https://openlineage.io/spec/"},
    },
}
_CHECK = jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker())


def read_events(file: Path) -> list[dict[str, Any]]:
    """All events so far, each held against the specification's shape."""
    events = [json.loads(line) for line in file.read_text().splitlines()]
    for event in events:
        _CHECK.validate(event)
    return events


def datasets(events: list[dict[str, Any]], job: str, side: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The datasets on one side (`inputs` or `outputs`) of a job, over all its events, by namespace and name."""
    found = [one for event in events if event["job"]["name"] == job for one in event[side]]
    return {(one["namespace"], one["name"]): one for one in found}
