"""A person is erased: suppressed first, then taken out of every place, then of the history of every place, with a receipt.

Each step finds what is there, writes down how much, and takes it out; the same step again finds what is left. So a killed
erasure goes on from the step it died in, and a second one finds nothing.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from profiling import schemas
from profiling.behaviour import registry
from profiling.behaviour.activity import daily_activity, text_activity
from profiling.behaviour.models.contract import KeepsWords
from profiling.behaviour.registry import LEARNED
from profiling.collect import drops as landing
from profiling.errors import InputError, NotReady, ProfilingError, SettingsError
from profiling.lake import Lake, Staged
from profiling.ledger import OPEN, RELEASED, Ledger
from profiling.prepare.identity_rules import load_rules
from profiling.rights import former, requests, suppressions
from profiling.rights.keys import pseudonym_key
from profiling.rights.requests import Request
from profiling.rights.steps import ERASURE_STEPS
from profiling.settings import Settings
from profiling.stages import _ingest, _promote, _publish, _vectors
from profiling.stages._step import DATA_DOCS, begin
from profiling.stages._train import learned_without, load

if TYPE_CHECKING:
    from profiling.collect.area import Area
    from profiling.rights.landing import Lines
    from profiling.text.cache import TextCache

logger = logging.getLogger(__name__)

Counts = dict[str, int]
Found = tuple[Counts, Callable[[], None]]  # what is there, by place, and what takes it out

WHO = ("identity_id", "other_id", "customer_id", "subject_id", "from_id", "to_id")  # the columns that name people
_SUMS = ("daily_activity", "text_activity", "activity_state", "text_state")
_OF_THEIR_OWN = ("interactions", "text_features", "media_features", *_SUMS, "profiles", "identity_links", "catalogue")


@dataclass(frozen=True)
class Erased:
    """What an erasure, or one step of it, found by place; the receipt once it is done."""

    request: str
    counts: Counts = field(default_factory=dict)
    receipt: dict[str, Any] | None = None


@dataclass(frozen=True)
class Work:
    """One request under way. `is_alone`: nobody else writes to the lake, as whoever called has made sure."""

    settings: Settings
    lake: Lake
    request: Request
    is_alone: bool = False

    @property
    def who(self) -> set[str]:
        return set(self.request.identities)


def erase(
    settings: Settings, request: str, step: str | None = None, *, dry_run: bool = False, is_alone: bool = False
) -> Erased:
    """Carry out a request: all steps in order, or one of them. With `dry_run` only count what there is to erase.

    Raises:
        SettingsError: there is no such request or step.
        NotReady: somebody else writes to the lake, or a storage does not answer. The same call again goes on.
        InputError: a drop cannot be read, so nobody can say whether the person is in it.
    """
    if step is not None and step not in STEPS:
        raise SettingsError(f"there is no step {step!r}; the steps are {', '.join(STEPS)}")
    lake = Lake.open(settings)
    request = requests.checked_id(lake, request)
    found = requests.find(lake, request)
    if found is None:  # done: the same call again finds nothing
        return Erased(request, {}, requests.receipt(lake, request))
    work = Work(settings, lake, found, is_alone)
    counts: Counts = {}
    if dry_run or step in (None, "suppress"):
        _look_around(work)
    for name in [step] if step else STEPS:
        there, take_out = STEPS[name](work)
        counts |= there
        if dry_run:
            continue
        work.request.count(there)
        if name != "receipt":
            work.request.save(lake)
        take_out()
        logger.info("erase %s: %s %s", request, name, there)
    return Erased(request, counts, None if dry_run else requests.receipt(lake, request))


def _look_around(work: Work) -> None:
    """Who else the person is, and the days that hold them; what an earlier look found stays, for it may be erased by now."""
    request = work.request
    rules = load_rules(work.settings)
    request.add(identities=requests.people_of(work.lake, request.identities, rules))
    request.add(
        shared=requests.shared_of(work.lake, request.identities, rules),
        days=work.lake.rows_with("interactions", {"identity_id": work.who}, ["day"])["day"],
        profile_days=[
            *work.lake.rows_with("profiles", {"customer_id": work.who}, ["day"])["day"],
            *work.lake.rows_with("identity_changes", dict.fromkeys(("from_id", "to_id"), work.who), ["day"])["day"],
        ],
    )


# --- the steps, in their order ---


def _suppress(work: Work) -> Found:
    """First: from here on no stage stores anything of the person."""

    def take_out() -> None:
        since = pd.Timestamp(work.request.asked_at)
        suppressions.remember_spelling(work.lake, load_rules(work.settings))
        # What is shared first: on the list without it, an identifier would make the rows of others theirs.
        for purpose, names in ((suppressions.SHARED, work.request.shared), (suppressions.ALL, work.request.identities)):
            suppressions.add(work.lake, work.settings, names, suppressions.ERASED, purpose, since, work.request.id)

    return {"identifiers": len(work.who)}, take_out


def _staging(work: Work) -> Found:
    """Work staged before the person was suppressed is emptied: its close computes it again. What was never finished goes."""
    now = suppressions.load(work.lake, work.settings).digest()
    attempts = {"/".join(key.split("/")[:5]) for key in work.lake.keys("_staging")}
    complete = {key: work.lake.staged(key) for key in sorted(attempts) if work.lake.is_staged(key)}
    older = [key for key, staged in complete.items() if staged.facts.get("suppressed") != now and _has_rows(staged)]

    def take_out() -> None:
        for key in older:
            work.lake.empty_staged(key)
        work.lake.clear_staged(sorted(attempts - complete.keys()))

    return {"staged work": len(older) + len(attempts - complete.keys())}, take_out


def _has_rows(staged: Staged) -> bool:
    return any(len(frame) for frame in staged.frames.values())


def _models(work: Work) -> Found:
    """Models that learned from the person are flagged; those whose files hold words that only the person wrote are removed."""
    first = min(work.request.days, default=None)
    folders = sorted({tuple(key.split("/")[1:4]) for key in work.lake.keys("_models") if key.count("/") == 4})
    learned = [folder for folder in folders if first is not None and folder[1] >= first]
    own, others, prefixes = _texts(work, bool(learned))
    telling = [folder for folder in learned if _keeps_their_words(work, folder, own, others)]
    lists = {folder: _learned_without(work, folder, prefixes) for folder in set(learned) - set(telling)}
    changed = {folder: text for folder, text in lists.items() if text is not None}

    def take_out() -> None:
        for target, as_of, sha in learned:
            work.lake.put_json(registry.retrain_flag(target, as_of), {"sha": sha, "request": work.request.id})
            shutil.rmtree(work.settings.cache / "training" / target / as_of, ignore_errors=True)
        work.request.add(models=["/".join(folder) for folder in learned])
        for folder in telling:
            _remove_model(work, *folder)
        for folder, text in changed.items():
            work.lake.put_page(f"{registry.artefact_folder(*folder)}/{LEARNED}", text)
        work.request.save(work.lake)

    found = {"models that learned from the person": len(learned), "models removed": len(telling)}
    return found | ({"models' lists of texts": len(changed)} if changed else {}), take_out


def _texts(work: Work, is_needed: bool) -> tuple[list[str], list[str], set[str]]:
    """The person's texts, everybody else's, and how models list those that the person alone wrote."""
    if not is_needed:
        return [], [], set()
    rows = work.lake.read("interactions", [], ["identity_id", "text", "text_hash"])
    rows = rows[rows["text"].notna()]
    is_own = rows["identity_id"].isin(work.who)
    own, others = rows[is_own], rows[~is_own]
    prefixes = set(own["text_hash"].str.slice(0, 8)) - set(others["text_hash"].str.slice(0, 8))
    return own["text"].unique().tolist(), others["text"].unique().tolist(), prefixes


def _learned_without(work: Work, folder: tuple[str, ...], prefixes: set[str]) -> str | None:
    return learned_without(work.lake, registry.artefact_folder(*folder), prefixes) if prefixes else None


def _keeps_their_words(work: Work, folder: tuple[str, ...], own: list[str], others: list[str]) -> bool:
    target, as_of, sha = folder
    try:
        if target == _vectors.NAME:
            model: object = _vectors.load_table(work.lake, registry.artefact_folder(*folder))
        else:
            model, _ = load(begin(work.settings, as_of), target, as_of, sha)
    except InputError:
        return True  # nobody can tell what it holds, and nobody can use it
    if not isinstance(model, KeepsWords):
        return False
    words = model.vocabulary() & {word for text in own for word in model.words(text)}
    for text in others:
        if not words:
            return False
        words -= set(model.words(text))
    return bool(words)


def _remove_model(work: Work, target: str, as_of: str, sha: str) -> None:
    from profiling.behaviour.tracking import forget

    entry = registry.champion(work.lake.read("models"), target, registry.effective_from(as_of))
    if entry is not None and (entry.as_of, entry.sha) == (as_of, sha):
        reason = "it holds words that only an erased person wrote"
        said = _promote.roll_back(work.settings, target, as_of, reason).report or ""
        work.request.add(said=[f"{target}: {said}"])
    forget(work.settings, sha)
    folder = registry.artefact_folder(target, as_of, sha)
    work.lake.remove(key for key in work.lake.keys(folder))


def _cache(work: Work) -> Found:
    """Results of texts that nobody else wrote, and of words that stand in the person's texts; answers about the person."""
    from profiling.llm.answers import NAMESPACE as ANSWERS
    from profiling.llm.answers import Answers
    from profiling.text.cache import caches

    told = work.lake.rows_with("interactions", {"identity_id": work.who}, ["interaction_id", "text", "text_hash"])
    rows = told.dropna()
    hashes = rows["text_hash"].unique().tolist()
    shared = work.lake.rows_with("interactions", {"text_hash": hashes}, ["identity_id", "text_hash"])
    own = set(hashes) - set(shared.loc[~shared["identity_id"].isin(work.who), "text_hash"])
    said = "\n".join(text.casefold() for text in rows["text"].unique())

    def is_theirs(key: str) -> bool:
        kind, _, rest = key.partition("|")
        name = rest.partition("|")[2] if kind == "term" else rest.rpartition("|")[2]
        return bool(said) and name.casefold() in said if kind == "term" else name in own

    keys = [(cache, list(filter(is_theirs, cache.keys()))) for cache in caches(work.settings.cache, "texts")]
    media, media_keys = _media_cache(work)
    names = work.who | own | set(told["interaction_id"])
    answered = [(cache, Answers(cache).about(names)) for cache in caches(work.settings.cache, ANSWERS)]

    def take_out() -> None:
        for cache, theirs in (*keys, *answered):
            cache.erase(theirs)
        media.erase(media_keys)

    more = {"cached results of media": len(media_keys), "answers of language models": sum(len(a) for _, a in answered)}
    found = {"cached results of texts": sum(len(theirs) for _, theirs in keys)}
    return found | {name: number for name, number in more.items() if number}, take_out


def _media_cache(work: Work) -> "tuple[TextCache, list[str]]":
    """The cache of media, and its entries of addresses and contents that only the person's events refer to.

    The person's addresses are those of their events, and not of `media_features`: a stage that was killed may have stored
    results in the cache and no row yet.
    """
    from profiling.media.features import NAMESPACE, url_hash
    from profiling.media.references import urls
    from profiling.text.cache import TextCache

    cache = TextCache(work.settings.cache, NAMESPACE)
    names = cache.keys()
    if not names:
        return cache, []
    rows = work.lake.rows_with("interactions", {"identity_id": work.who}, ["attributes"])
    hashes = sorted({url_hash(url) for document in rows["attributes"] for url in urls(document)})
    own = set(hashes) - _of_others(work, "url_hash", hashes)
    theirs = cache.get_many(f"url|{each}" for each in own)
    leads_to = {
        name: json.loads(value)[0] for name, value in cache.get_many(n for n in names if n.startswith("url|")).items()
    }
    still_named = {content for name, content in leads_to.items() if name not in theirs}
    held = work.lake.rows_with("media_features", {"identity_id": work.who}, ["media_hash"])["media_hash"].dropna()
    contents = {leads_to[name] for name in theirs} | set(held)
    contents -= still_named | _of_others(work, "media_hash", sorted(contents))
    return cache, [name for name in names if name in theirs or name.rpartition("|")[2] in contents]


def _of_others(work: Work, column: str, values: list[str]) -> set[str]:
    """Which values stand in rows of `media_features` that are somebody else's."""
    rows = work.lake.rows_with("media_features", {column: values}, ["identity_id", column])
    return set(rows.loc[~rows["identity_id"].isin(work.who), column])


def _landing(work: Work) -> Found:
    """Lines of drops, and what quarantine holds of them. Every other line keeps its number, and no day becomes stale by it."""
    from profiling.rights.landing import Person, blank, find

    key = pseudonym_key(work.lake, work.settings)
    delivered, waiting = [], []
    for day in landing.days_with_drops(work.settings):
        complete, incomplete = landing.split_drops(work.settings, day)
        delivered += complete
        waiting += incomplete
    rules = load_rules(work.settings)
    spellings = [rules, *suppressions.other_spellings(work.lake, rules)]
    person = Person(frozenset(work.who), frozenset(work.request.shared), key, spellings)
    files = find(delivered, person, work.settings.zone)
    by_day: dict[str, list[Lines]] = {}
    for lines in files:
        by_day.setdefault(lines.drop.day, []).append(lines)
    refused = {day: _refused(work, day, of_day) for day, of_day in by_day.items()}
    for day in (
        by_day.keys() - work.request.landing.keys()
    ):  # before the first of them is rewritten; a dry run counts them too
        work.request.landing[day] = _is_up_to_date(work, day)

    def take_out() -> None:
        for place in waiting:
            work.request.add(said=[f"the drop {place} was not complete and was not read; its lines are suppressed"])
        for day in sorted(by_day.keys() | work.request.landing.keys()):
            _erase_drop(work, day, by_day.get(day, []), blank)
        # Of all drops: a file may have been delivered again without the person, or be gone, and its older version holds them.
        work.request.count({"older versions of drops": landing.landing_area(work.settings).forget()})
        work.request.save(work.lake)

    return {
        "lines of drops": sum(len(lines.theirs) for lines in files),
        "quarantine": sum(map(len, refused.values())),
    }, take_out


def _refused(work: Work, day: str, files: "Iterable[Lines]") -> pd.DataFrame:
    held = work.lake.read("quarantine", [("day", "==", day)])
    return held[_is_of(held, files)]


def _is_of(held: pd.DataFrame, files: "Iterable[Lines]") -> pd.Series:
    theirs = {(f.drop.source.name, f.file.name, number) for f in files for number in f.theirs}
    places = zip(held["source"], held["source_file"], held["source_line"], strict=True)
    return pd.Series([place in theirs for place in places], index=held.index, dtype=bool)


def _erase_drop(work: Work, day: str, files: "list[Lines]", blank: "Callable[[Lines, Area], None]") -> None:
    """Rewrite the files of a drop; a day that was up to date with them is up to date with what they are now."""
    if len(_refused(work, day, files)):
        work.lake.update("quarantine", day, lambda held: held[~_is_of(held, files)])
    # A bucket staged after the person was suppressed is without them, but was computed from the drop as it was.
    for key in {"/".join(key.split("/")[:5]) for key in work.lake.keys(f"_staging/ingest/{day}")}:
        if files and work.lake.is_staged(key):
            work.lake.empty_staged(key)
    for lines in files:
        blank(lines, landing.landing_area(work.settings))
    if work.request.landing[day] and not _is_up_to_date(work, day):
        _record_again(work, day)


def _is_up_to_date(work: Work, day: str) -> bool:
    run = begin(work.settings, day)
    record = run.ledger.get("ingest", day)
    try:
        return record is not None and record.state == RELEASED and record.inputs == _ingest.inputs(run)
    except ProfilingError:
        return False


def _record_again(work: Work, day: str) -> None:
    """The day's release once more, as it was but for the drop's fingerprint: its rows are erased by their own step."""
    run = begin(work.settings, day)
    record = run.ledger.released("ingest", day)
    if record is None or run.ledger.state("ingest", day) != RELEASED:
        return
    rows = run.lake.ledger(schemas.LEDGER.names, [record.attempt])
    row = rows[(rows["stage"] == "ingest") & (rows["day"] == day) & (rows["state"] == RELEASED)].iloc[-1]
    kept = {name: row[name] for name in ("outputs", "counts", "files", "report", "note") if isinstance(row[name], str)}
    run.lake.record("ingest", day, RELEASED, run.attempt, inputs=_ingest.inputs(run), **kept)


def _interactions(work: Work) -> Found:
    return _tables(work, ["interactions", "text_features", "media_features"])


def _statements(work: Work) -> Found:
    """Whatever other table names people in a column."""
    return _tables(work, [name for name in schemas.TABLES if name not in _OF_THEIR_OWN and _who_columns(name)])


def _profiles(work: Work) -> Found:
    """The person's own, and those of others from before a split, which hold the person too: their day can be made again."""
    there, take_out_own = _tables(work, ["profiles"])
    others = {str(rows["day"].iloc[0]): set(rows["customer_id"]) for rows in former.naming(work.lake, work.who)}
    work.request.add(
        profile_days=others,
        said=[
            f"{day}: {len(names)} profiles of others from before a split held the person and were removed; "
            f"`profiling profile --day {day}` makes them again"
            for day, names in others.items()
        ],
    )

    def take_out() -> None:
        take_out_own()
        for day, names in others.items():
            work.lake.update("profiles", day, lambda held, names=names: held[~held["customer_id"].isin(names)])  # type: ignore[misc]

    return there | ({"profiles of others": sum(map(len, others.values()))} if others else {}), take_out


def _links(work: Work) -> Found:
    """Last of the tables: as long as they are there, they say who else the person is."""
    return _tables(work, ["identity_links"])


def _who_columns(name: str) -> list[str]:
    return [column for column in WHO if column in schemas.TABLES[name].names]


def _tables(work: Work, names: Iterable[str]) -> Found:
    sought = {name: dict.fromkeys(_who_columns(name), work.who) for name in names}
    there = {name: len(work.lake.rows_with(name, values, list(values))) for name, values in sought.items()}

    def take_out() -> None:
        for name, values in sought.items():
            work.lake.delete(name, *([(column, "in", who)] for column, who in values.items()))

    return {name: number for name, number in there.items() if number}, take_out


def _activity(work: Work) -> Found:
    """The person's sums are taken out, and those of the items they dealt with are made again without them. Of topics, which are
    of many customers, only words that nobody else wrote, as there may be after several erasures."""
    there, take_out_rows = _tables(work, _SUMS)

    def take_out() -> None:
        take_out_rows()
        for day in work.request.days:
            _sum_items_again(work.lake, day)
        if work.request.days:
            from profiling.profiles.history import forget_words, refold_items

            refold_items(work.lake, min(work.request.days))
            if words := forget_words(work.lake):
                work.request.count({"words of topics": words})
                work.request.save(work.lake)

    return there, take_out


def _sum_items_again(lake: Lake, day: str) -> None:
    for name, summed in (("daily_activity", daily_activity), ("text_activity", _vectors_summed)):

        def anew(held: pd.DataFrame, summed: Callable[..., pd.DataFrame] = summed) -> pd.DataFrame:
            others = held[held["subject_type"] != "item"]
            rows = lake.read("interactions", [("day", "==", day)])
            if rows.empty:
                return others
            made = summed(rows, lake.read("text_features", [("day", "==", day)]), day)
            return pd.concat([others, made[made["subject_type"] == "item"]], ignore_index=True)

        if day in lake.partitions(name):
            lake.update(name, day, anew)


def _vectors_summed(interactions: pd.DataFrame, texts: pd.DataFrame, day: str) -> pd.DataFrame:
    """`text_activity` of a day at once: unlike in `features`, its vectors are all in memory."""
    texts = texts.sort_values(list(schemas.TEXT_FEATURES.key), ignore_index=True)
    said = texts[["interaction_id", "identity_id", "bucket", "model"]]
    made = list(text_activity(interactions, said, lambda: [texts["embedding"].tolist()], day))
    return pd.concat(made or [schemas.TEXT_ACTIVITY.arrow.empty_table().to_pandas()], ignore_index=True)


def _published(work: Work) -> Found:
    """Days that show the person are published without them, and old revisions of all days are removed, object versions too.

    Looked for in what is published: the table may hold nothing of a day any more, or another person than was published.
    """
    from profiling.publish import open_target, showing, withdraw_old

    target = open_target(work.settings.publish, work.settings.s3_endpoint)
    ledger = Ledger(work.lake.ledger())
    # Where the table still holds what is published, the step before has looked into its documents.
    shown = showing(target, work.who, lambda day: not ledger.is_published_of_table(day))
    wanted = {*work.request.profile_days, *work.request.landing}
    days = sorted(shown.keys() | {day for day in wanted if target.get(f"profiles/day={day}/manifest.json")})

    def take_out() -> None:
        # Killed in one, the next call finishes it, whether it still shows the person or not.
        work.request.add(
            profile_days=days,
            said=[
                f"{day}: {each.others} published profiles of others from before a split held the person and were removed"
                for day, each in shown.items()
                if each.others
            ],
        )
        work.request.save(work.lake)
        for day in days:
            _publish.publish_again(work.settings, day, work.who)
        work.request.count({"old revisions": withdraw_old(target)})
        work.request.save(work.lake)

    counts = {"published days": len(days), "published profiles": sum(each.own for each in shown.values())}
    others = sum(each.others for each in shown.values())
    return counts | ({"published profiles of others": others} if others else {}), take_out


def _pages(work: Work) -> Found:
    """Pages of failed days quote the first rows that were refused."""
    days = {*work.request.days, *work.request.landing}
    pages = [key.split("/") for key in work.lake.keys("_reports")]
    keys = ["/".join(parts) for parts in pages if parts[1] in days and parts[2] != DATA_DOCS]  # those hold counts alone
    return {"pages of failed days": len(keys)}, lambda: work.lake.remove(keys)


def _history(work: Work) -> Found:
    """What older versions of the tables hold, and what killed writers left behind."""
    from profiling.publish import open_target

    if not work.is_alone:
        _refuse_company(work.lake)

    def take_out() -> None:
        held = [table.name for table in schemas.TABLES.values() if _is_personal(table)]
        files = sum(work.lake.forget(name) for name in (*held, "topics"))
        left = [key for key in work.lake.keys("") if key.startswith("_") and key.endswith(".tmp")]
        work.lake.remove(left)
        files += len(left) + open_target(work.lake.uri, work.settings.s3_endpoint).forget("")
        work.request.count({"files of older versions": files})
        work.request.save(work.lake)

    return {}, take_out


def _is_personal(table: schemas.Table) -> bool:
    return any(column.is_personal for column in table.columns)


def _refuse_company(lake: Lake) -> None:
    """A file that another writer has not yet committed would be removed with the history.

    Raises:
        NotReady: a day is begun and not finished.
    """
    unfinished = [record for record in Ledger(lake.ledger()).records() if record.state == OPEN]
    if unfinished:
        first = unfinished[0]
        raise NotReady(
            f"{first.stage} of {first.day} is begun and not finished: history can be removed when nobody else writes to the "
            f"lake. Let it end, or run `profiling {first.stage} --day {first.day}`; --alone says that nobody does"
        )


def _receipt(work: Work) -> Found:
    """Once more over the tables: a stage that had read the list before the person was in it may have stored rows since."""
    from profiling.publish import open_target

    def take_out() -> None:
        if _late(work):
            _look_around(work)
            for name in (*_AGAIN, "published", "history"):
                there, take_out_again = STEPS[name](work)
                work.request.save(work.lake)
                take_out_again()
                logger.warning(
                    "erase %s: %s once more, for a stage has stored rows since: %s", work.request.id, name, there
                )
        if late := _late(work):
            raise NotReady(
                f"rows of the person are still being written ({', '.join(late)}); the same call again goes on"
            )
        requests.write_receipt(work.lake, work.settings, work.request)
        open_target(work.lake.uri, work.settings.s3_endpoint).forget(requests.FOLDER)

    return {}, take_out


def _late(work: Work) -> list[str]:
    return [name for name in _AGAIN if any(STEPS[name](work)[0].values())]


_AGAIN = ("staging", "interactions", "activity", "statements", "profiles", "links")
STEPS: dict[str, Callable[[Work], Found]] = dict(
    zip(
        ERASURE_STEPS,
        (
            _suppress, _staging, _models, _cache, _landing, _interactions, _activity, _statements, _profiles, _links,
            _published, _pages, _history, _receipt,
        ),
        strict=True,
    )
)  # fmt: skip
