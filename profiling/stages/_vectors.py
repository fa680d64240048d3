"""Word vectors of the lake's own texts as of a day, for the encoder `word2vec`. Writes below `_models/` and nowhere else."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiling.behaviour import registry
from profiling.errors import InputError, NotReady
from profiling.lake import Lake
from profiling.ledger import DONE, OPEN
from profiling.prepare.identity_rules import load_rules
from profiling.rights import consent, suppressions
from profiling.settings import Settings
from profiling.stages._step import Run, begin, digest, refuse_future, refuse_if_suppressed_since
from profiling.stages._train import CANDIDATE, _sha_of

if TYPE_CHECKING:
    from profiling.text.word_vectors import Table

# The name under `_models/`, where erasure looks for models that learned from a person and for their words.
NAME = "word2vec"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vectors:
    """What a training came to. `sha` is None where there was too little to learn from."""

    day: str
    sha: str | None
    words: int = 0
    texts: int = 0
    customers: int = 0
    warnings: list[str] = field(default_factory=list)

    def asdict(self) -> dict[str, Any]:
        return asdict(self)


def train_vectors(settings: Settings, as_of: str) -> Vectors:
    """Train word vectors on all texts up to the end of a day; days after it use them, until newer ones are trained.

    The same inputs give the same files; a second call with them trains nothing, unless somebody it learned from was erased since.

    Raises:
        SettingsError: the day lies in the future, or gensim is missing.
        NotReady: the day is not ingested, or one up to it is opened and not finished.
    """
    from profiling.text import word_vectors

    run = begin(settings, as_of)
    refuse_future(run.day)
    inputs = _inputs(run)
    place = registry.artefact_folder(NAME, run.day)
    flag = registry.retrain_flag(NAME, run.day)
    note = run.lake.get_json(f"{place}/{CANDIDATE}")
    if note and note["inputs"] == inputs and run.lake.get_json(flag) is None and _is_whole(run.lake, place, note):
        return Vectors(**note["candidate"])
    said = _texts(run)
    table = word_vectors.train(said)
    found = Vectors(run.day, None, texts=len({text for _, text in said}), customers=len({who for who, _ in said}))
    if table is None:
        reason = (
            f"nothing trained: at least {word_vectors.LEAST_WORDS} words that {word_vectors.LEAST_CUSTOMERS} customers each "
            f"used are needed, and {word_vectors.LEAST_TEXTS} texts with such words"
        )
        found = Vectors(**(found.asdict() | {"warnings": [reason]}))
    refuse_if_suppressed_since("train-vectors", run, suppressions.load(run.lake, settings))
    if table is not None:
        with tempfile.TemporaryDirectory() as made:
            table.save(Path(made))
            sha = _sha_of(Path(made))
            run.lake.put_folder(f"{place}/{sha}", Path(made))
        found = Vectors(**(found.asdict() | {"sha": sha, "words": len(table.terms)}))
    run.lake.put_json(f"{place}/{CANDIDATE}", {"inputs": inputs, "candidate": found.asdict()})
    run.lake.remove([flag])
    return found


def vectors_for(lake: Lake, day: str) -> str | None:
    """The folder in the lake of the newest vectors trained before a day; None where there are none."""
    keys = set(lake.keys(f"_models/{NAME}"))
    notes = sorted((key for key in keys if key.endswith(f"/{CANDIDATE}") and key.split("/")[2] < day), reverse=True)
    for key in notes:
        place = key.rpartition("/")[0]
        note = lake.get_json(key)
        if note and note["candidate"]["sha"] and _is_whole(lake, place, note):
            return f"{place}/{note['candidate']['sha']}"
    return None


def superseded(lake: Lake, first: str) -> dict[str, list[str]]:
    """By day of training: files of word vectors that no day from `first` on is read with, as newer ones were trained by then."""
    needed = vectors_for(lake, first)
    if needed is None:
        return {}
    kept = (f"{needed}/", *(f"{needed.rpartition('/')[0]}/{name}" for name in (CANDIDATE, registry.RETRAIN)))
    found: dict[str, list[str]] = {}
    for key in lake.keys(f"_models/{NAME}"):
        as_of = key.split("/")[2]
        if as_of < first and not key.startswith(kept):
            found.setdefault(as_of, []).append(key)
    return found


@contextmanager
def fetched(lake: Lake, key: str | None) -> Iterator[Path | None]:
    """The folder on this machine, for as long as it is needed: a cache would keep the words of people who are erased.

    Raises:
        InputError: a file is gone, or is not the one that was written.
    """
    with tempfile.TemporaryDirectory() as made:
        if key is None:
            yield None
            return
        folder = Path(made) / key.rpartition("/")[2]
        folder.mkdir()
        lake.fetch_folder(key, folder)
        if _sha_of(folder) != folder.name:
            as_of = key.split("/")[2]
            raise InputError(f"the word vectors {key} are damaged; run `profiling train-vectors --as-of {as_of}` again")
        yield folder


def load_table(lake: Lake, key: str) -> "Table":
    from profiling.text.word_vectors import Table

    with fetched(lake, key) as folder:
        assert folder is not None
        return Table.load(folder)


def _is_whole(lake: Lake, place: str, note: dict[str, Any]) -> bool:
    """An erasure may have removed the files since the note was written; where nothing was trained there are none."""
    sha = note["candidate"]["sha"]
    return sha is None or bool(lake.keys(f"{place}/{sha}"))


def _inputs(run: Run) -> str:
    from profiling.text import word_vectors

    begun = [day for day in run.ledger.days("ingest") if day <= run.day and run.ledger.state("ingest", day) == OPEN]
    if begun or run.ledger.state("ingest", run.day) not in DONE:
        day = begun[0] if begun else run.day
        raise NotReady(f"train-vectors {run.day}: ingest of {day} is not done; run `profiling ingest --day {day}`")
    learning = (word_vectors.PARAMETERS, word_vectors.LEAST_CUSTOMERS, word_vectors.SMOOTHING)
    held = [run.suppressed.digest("profiling")] if run.suppressed else []
    default = consent.default(run.settings, "profiling")
    return digest(run.ledger.chain(run.day, ("ingest",)), learning, load_rules(run.settings).digest(), default, *held)


def _texts(run: Run) -> list[tuple[str, str]]:
    """(customer, text) of everybody who may be profiled, up to the end of the day."""
    from profiling.profiles.history import customer_ids_at

    rows = run.lake.read("interactions", [("day", "<=", run.day)], ["identity_id", "text"])
    rows = rows[rows["text"].notna()]
    customer_of = consent.with_strangers(
        customer_ids_at(run.lake, run.day, load_rules(run.settings)), rows["identity_id"]
    )
    held = (
        run.suppressed if run.settings.has_key else None
    )  # without a key, as a trainer: the erased are not in the tables
    refused = consent.refused_by_statements(run.lake, run.settings, "profiling", run.day, customer_of, held)
    customers = rows["identity_id"].map(customer_of)
    is_asked = ~customers.isin(refused)
    logger.info("word vectors as of %s: %d texts, %d of people who refused", run.day, len(rows), int((~is_asked).sum()))
    return list(zip(customers[is_asked], rows.loc[is_asked, "text"], strict=True))
