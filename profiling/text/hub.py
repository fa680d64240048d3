"""A sentence-transformers model of Hugging Face's hub, in the hub client's own cache (`HF_HOME`)."""

import logging
from pathlib import Path
from typing import Any

from profiling.errors import SettingsError

log = logging.getLogger(__name__)

# What an encoder reads, and no more: no pickled weights, no code.
FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "modules.json", "sentence_bert_config.json",
    "config_sentence_transformers.json", "1_Pooling/config.json", "README.md",
)  # fmt: skip
NEEDED = FILES[:3]


def fetch(name: str) -> tuple[Path, str]:
    """The folder of a model and the commit it is of.

    What the cache holds is taken without asking the hub, so that a name without a commit stays with the commit that was
    fetched first as long as the cache is kept.

    Args:
        name: `org/name` or `org/name@commit`.

    Raises:
        SettingsError: it is not in the cache and cannot be fetched, or lacks a file.
    """
    import httpx  # the hub client's own, whose errors it lets pass
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    wanted: dict[str, Any] = {"repo_id": repository, "revision": revision or None, "allow_patterns": list(FILES)}
    try:
        folder = _cached(wanted) or Path(snapshot_download(**wanted))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SettingsError(
            f"PROFILING_EMBEDDING={name} is not in the hub's cache and could not be fetched ({type(error).__name__}: {reason}). "
            f"Where there is a line to the hub run `hf download {repository}{f' --revision {revision}' if revision else ''}` "
            "and bring its cache (HF_HOME) here, or set PROFILING_EMBEDDING to a folder with the model"
        ) from error
    if lacking := [file for file in NEEDED if not (folder / file).exists()]:
        raise SettingsError(f"PROFILING_EMBEDDING={name} has no {', '.join(lacking)}; take a model that has")
    if not revision:
        log.warning("%s is of the commit %s; write %s@%s so that it stays", name, folder.name, name, folder.name)
    return folder, folder.name


def _cached(wanted: dict[str, Any]) -> Path | None:
    """The snapshot in the cache, if it is there and was fetched to its end."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(**wanted, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if all((folder / file).exists() for file in NEEDED) else None
