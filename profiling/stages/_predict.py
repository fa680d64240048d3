"""What the model in service reads in a text that somebody types."""

import numpy as np
import pandas as pd

from profiling.behaviour import registry
from profiling.behaviour.targets import TARGETS
from profiling.errors import InputError
from profiling.settings import Settings
from profiling.stages._step import begin
from profiling.stages._train import load
from profiling.stages._vectors import NAME as VECTORS
from profiling.stages._vectors import fetched, vectors_for

READING = "satisfied"
_FOR_EVER = "9999-12-31"


def predict_text(settings: Settings, text: str) -> dict[str, object]:
    """The article's call: a text in, a probability out, with the name of what is really predicted and the reasons.

    The text is normalised and redacted as on its way into the lake; the model is the newest champion.

    Raises:
        InputError: the text is empty, or no model that reads is in service.
    """
    from profiling.behaviour.models.contract import EMBEDDING, ENCODER, READS_VECTORS, TEXT
    from profiling.behaviour.prediction import Speaker, predict
    from profiling.prepare.clean import normalise
    from profiling.prepare.redaction import redact
    from profiling.text.embedding import load_encoder
    from profiling.text.language import detect

    cleaned = redact(normalise(text) or "")
    if not cleaned:
        raise InputError("there is no text to read; give a sentence")
    run = begin(settings, "1970-01-01")
    entry = registry.champion(run.lake.read("models", [("target", "==", READING)]), READING, _FOR_EVER)
    if entry is None:
        raise InputError(
            f"no model of {READING} is in service: run `profiling train --as-of D --target {READING}`, then `profiling promote`"
        )
    model, measured = load(run, READING, entry.as_of, entry.sha)
    speaker = Speaker(entry, model, np.array(measured["percentiles"]))
    row = pd.DataFrame({"customer_id": ["typed"], "interaction_id": ["typed"], TEXT: [cleaned]})
    if READS_VECTORS & {model.name}:
        of_lake = vectors_for(run.lake, _FOR_EVER) if settings.embedding == VECTORS else None
        with fetched(run.lake, of_lake) as folder:
            encoder = load_encoder(settings.embedding, settings.cache, settings.device, folder)
            made = encoder.encode([cleaned]) if encoder.can_read(detect([cleaned])[0]) else [None]
        row[ENCODER], row[EMBEDDING] = encoder.model, pd.Series(list(made), dtype="object")
    said = predict([speaker], None, run.day, ["typed"], row)
    if said.empty:
        raise InputError(
            f"the model ({entry.model} {entry.sha}) knows no word of this text, so it has nothing to say of it"
        )
    (found,) = said.to_dict("records")
    return {"label": TARGETS[READING].label} | {str(name): found[name] for name in found if name != "evidence"}
