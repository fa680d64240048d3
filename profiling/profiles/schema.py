"""What a profile document has against its JSON Schema."""

import json
from collections.abc import Iterable

from profiling.profiles.parts import document_schema


def document_faults(documents: Iterable[str], most: int = 3) -> list[str]:
    """Sentences about documents that do not fit the schema: where, and which rule; never the value."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(json.loads(document_schema()))
    faults = []
    for text in documents:
        for error in validator.iter_errors(json.loads(text)):
            faults.append(f"a profile does not fit schema/profile-v1.json at {error.json_path} ({error.validator})")
            if len(faults) == most:
                return faults
    return faults
