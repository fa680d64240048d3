"""Saved models: plain files beside a `model.json` that names the model, its params, its state and the digest of each file.

`model.json` is written last and carries a digest of itself, so a folder that was left half written, was damaged, or whose
files belong to different models is refused before anything in it is believed.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from profiling.errors import InputError

MODEL = "model.json"
FORMAT = 1


def write(
    folder: Path, name: str, params: Mapping[str, Any], state: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    """Write `files` and then `model.json`; `state` is what the model learned, as JSON values."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    document = {
        "format": FORMAT,
        "name": name,
        "params": dict(params),
        "state": dict(state),
        "files": {file: sha256(content).hexdigest() for file, content in sorted(files.items())},
    }
    document["digest"] = _digest(document)
    (folder / MODEL).write_text(as_json(document), encoding="utf-8")


def read(folder: Path, name: str | None = None) -> dict[str, Any]:
    """What `write` wrote: `name`, `params`, `state`, and `files` with their content.

    Raises:
        InputError: a file is missing or damaged, or the model is not `name`.
    """
    try:
        document = json.loads(_bytes(folder / MODEL))
        is_whole = document.pop("digest") == _digest(document)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / MODEL} is no saved model ({error}); train it again or restore the folder"
        ) from error
    if not is_whole:
        raise InputError(f"{folder / MODEL} was changed after it was saved; train it again or restore the folder")
    if document["format"] != FORMAT:
        raise InputError(
            f"{folder} holds a model of format {document['format']}, this version reads {FORMAT}; train it again"
        )
    if name is not None and document["name"] != name:
        raise InputError(f"{folder} holds a {document['name']} and no {name}; use load_model, which reads any of them")
    for file, expected in document["files"].items():
        content = _bytes(folder / file)
        if sha256(content).hexdigest() != expected:
            raise InputError(f"{folder / file} is not the file that was saved; train it again or restore the folder")
        document["files"][file] = content
    return dict(document)


def as_json(value: Any) -> str:
    """Readable JSON, the same text for the same value; floats come back bit for bit (Python writes the shortest that do)."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def arrays_to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """safetensors with these arrays."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def arrays_from_bytes(content: bytes) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    return dict(load(content))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); a saved model needs it") from error


def _digest(document: Mapping[str, Any]) -> str:
    return sha256(as_json(document).encode()).hexdigest()
