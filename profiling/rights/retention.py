"""How long things are kept: what is older than its limit as of a day is deleted, and its days are closed.

Age counts back from the day the retention is run for, never from the clock: a history of years ago is as old as its own last day.
A day is closed in the ledger before anything of it is deleted, so that it can never be computed again as empty.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from profiling.collect import drops as landing
from profiling.collect.drops import days_with_drops
from profiling.errors import InputError
from profiling.lake import Filter, Lake
from profiling.ledger import CLOSED, DONE, Ledger, day_before, sunday_on_or_before
from profiling.prepare.identity_rules import Rules, load_rules
from profiling.publish import LATEST, Target, open_target, published_days, read_manifest, shown_ids
from profiling.settings import Settings

logger = logging.getLogger(__name__)

# One limit: nothing outlives the interactions under it.
FOLLOWING = (
    "interactions",
    "text_features",
    "media_features",
    "facts",
    "daily_activity",
    "text_activity",
    "identity_changes",
)
_FOR_EVER = "9999-12-31"


@dataclass(frozen=True)
class Removed:
    """What became too old: `number` rows, folders, objects or entries, up to the end of the day `until`."""

    what: str
    until: str
    number: int
    unit: str


def retain(settings: Settings, day: str, attempt: str, *, dry_run: bool = False) -> tuple[list[Removed], list[str]]:
    """Delete what is older than `PROFILING_RETENTION_DAYS` as of `day` and close its days; or only count it.

    Doing it again for the same day deletes nothing more. Killed in the middle, the next call finishes it: the days are closed by
    then.

    Returns:
        (what was or would be deleted, warnings: what holds a limit up).
    """
    lake = Lake.open(settings)
    ledger = Ledger(lake.ledger())
    limits = {name: day_before(day, days + 1) for name, days in settings.retention_days.items() if days is not None}
    found: list[Removed] = []
    warnings: list[str] = []
    if "landing" in limits:
        until, held_up = _landed_until(settings, ledger, limits["landing"])
        warnings += held_up
        _close(lake, ledger, ("ingest",), until, attempt, dry_run)
        found.append(_landing(settings, until, dry_run))
    if "interactions" in limits:
        until = sunday_on_or_before(limits["interactions"])
        if _holds_before(lake, until):
            found += _history(lake, ledger, load_rules(settings), until, attempt, dry_run)
        found.append(_word_vectors(lake, until, dry_run))
    if "checkpoints" in limits:
        found += _checkpoints(lake, ledger, limits["checkpoints"], day, dry_run)
    if "profiles" in limits:
        _close(lake, ledger, ("profile", "publish"), limits["profiles"], attempt, dry_run)
        found.append(_rows(lake, "profiles", [("day", "<=", limits["profiles"])], limits["profiles"], dry_run))
    if "quarantine" in limits:
        until = limits["quarantine"]
        found.append(_rows(lake, "quarantine", [("day", "<=", until)], until, dry_run))
    for name, prefix in (("staging", "_staging"), ("reports", "_reports")):
        if name in limits:
            found.append(_folders(lake, name, prefix, limits[name], dry_run))
    target = open_target(settings.publish, settings.s3_endpoint)
    found += _published(target, limits, dry_run)
    if "interactions" in limits:
        links, held_up = _links(lake, ledger, load_rules(settings), target, limits, dry_run)
        found.append(links)
        warnings += held_up
    if "text_cache" in limits:
        found.append(_text_cache(settings, limits["text_cache"], dry_run))
    if not dry_run:
        for name in (
            *FOLLOWING,
            "profiles",
            "quarantine",
            "attributes",
            "identity_links",
            "activity_state",
            "text_state",
            "facts_state",
            "fact_corrections",
            "topics",
        ):
            lake.vacuum(name)
    return [each for each in found if each.number], warnings


def _close(lake: Lake, ledger: Ledger, stages: tuple[str, ...], until: str, attempt: str, dry_run: bool) -> None:
    """Record that days up to `until` are closed; nothing where none was ever begun, or all are closed already."""
    for stage in stages:
        days = [known for known in ledger.days(stage) if known <= until and not ledger.is_closed(stage, known)]
        if days and not dry_run:
            lake.record(stage, days[0], CLOSED, attempt, until=until, note="past its retention")


def _landed_until(settings: Settings, ledger: Ledger, limit: str) -> tuple[str, list[str]]:
    """Up to which day drops may be deleted: not past one that was never taken in, which nobody else has."""
    waiting = [d for d in days_with_drops(settings) if d <= limit and not _is_taken_in(ledger, d)]
    if not waiting:
        return limit, []
    return day_before(waiting[0]), [
        f"the drop of {waiting[0]} is past its retention and was never taken in; drops are kept from that day on. "
        f"Run `profiling ingest --day {waiting[0]}`, or delete it"
    ]


def _is_taken_in(ledger: Ledger, day: str) -> bool:
    return ledger.is_closed("ingest", day) or ledger.state("ingest", day) in DONE


def _landing(settings: Settings, until: str, dry_run: bool) -> Removed:
    area = landing.landing_area(settings)
    old = [day for day in days_with_drops(settings) if day <= until]
    folders = [
        (source.name, day) for source in landing.sources(settings) for day in old if area.has_folder(source.name, day)
    ]
    if not dry_run:
        for names in folders:
            area.remove_folder(*names)
    return Removed("landing", until, len(folders), "folders")


def _holds_before(lake: Lake, until: str) -> bool:
    return any(day <= until for name in FOLLOWING for day in lake.partitions(name))


def _history(lake: Lake, ledger: Ledger, rules: Rules, until: str, attempt: str, dry_run: bool) -> Iterator[Removed]:
    """Whole weeks of interactions and what was made of them, and people of whom nothing newer is known.

    The week's checkpoint is written first and stays: the sums of everyone seen since go on from it.
    """
    from profiling.profiles.history import close_week

    if not dry_run:
        close_week(lake, ledger, until, attempt)
        _close(lake, ledger, ("ingest", "features", "profile"), until, attempt, dry_run)
    yield from _people(lake, rules, until, dry_run)
    # Before what they rest on: killed in between, the next call finds days to delete and comes here again.
    yield _facts_of_weeks(lake, until, dry_run)
    for name in FOLLOWING:
        yield _rows(lake, name, [("day", "<=", until)], until, dry_run)


def _facts_of_weeks(lake: Lake, until: str, dry_run: bool) -> Removed:
    """Unlike a sum, a fact goes with what it rests on: older checkpoints go, later ones are made again from the days kept."""
    from profiling.profiles.history import refold_facts

    removed = _rows(lake, "facts_state", [("week", "<=", until)], until, dry_run)
    if not dry_run:
        refold_facts(lake, until)
    return removed


def _people(lake: Lake, rules: Rules, until: str, dry_run: bool) -> Iterator[Removed]:
    """Statements and sums of customers without an interaction after `until`."""
    from profiling.profiles.history import customer_ids_at

    seen = set(lake.read("interactions", [("day", ">", until)], ["identity_id"])["identity_id"])
    customer_of = customer_ids_at(lake, _FOR_EVER, rules).to_dict()
    active = {customer_of.get(identity, identity) for identity in seen}
    for name, column in (("attributes", "subject_id"), ("fact_corrections", "identity_id")):
        named = set(lake.read(name, [("day", "<=", until)], [column])[column])
        gone = sorted(identity for identity in named if customer_of.get(identity, identity) not in active)
        yield _rows(lake, name, [("day", "<=", until), (column, "in", gone)], until, dry_run)
    state = lake.read("activity_state", [("week", "==", until), ("subject_type", "==", "identity")], ["subject_id"])
    unseen = sorted(set(state["subject_id"]) - seen)
    for name in ("activity_state", "text_state"):
        wanted: list[Filter] = [("week", ">=", until), ("subject_type", "==", "identity"), ("subject_id", "in", unseen)]
        yield _rows(lake, name, wanted, until, dry_run)


def _word_vectors(lake: Lake, until: str, dry_run: bool) -> Removed:
    """Trainings of which a newer one has taken the place for every day that is kept: all they learned from is gone."""
    from profiling.stages._vectors import superseded

    old = superseded(lake, day_before(until, -1))
    if not dry_run:
        lake.remove(key for keys in old.values() for key in keys)
    return Removed("word_vectors", until, len(old), "models")


def _checkpoints(lake: Lake, ledger: Ledger, limit: str, day: str, dry_run: bool) -> Iterator[Removed]:
    """Old weeks, but for the newest up to `day` and the one that the days still held go on from."""
    base = ledger.closed("features") or ""
    held = lake.partitions("activity_state")
    keep = {base, max((week for week in held if week <= day), default="")}
    weeks = [week for week in held if week <= limit and week not in keep]
    for name in ("activity_state", "text_state", "facts_state", "topics"):
        yield _rows(lake, name, [("week", "in", weeks)], limit, dry_run)


def _rows(lake: Lake, name: str, filters: list[Filter], until: str, dry_run: bool) -> Removed:
    number = lake.count(name, filters) if dry_run else lake.delete(name, filters)
    return Removed(name, until, number, "rows")


def _folders(lake: Lake, name: str, prefix: str, until: str, dry_run: bool) -> Removed:
    """Folders named by a day, directly below the prefix or one level deeper."""
    old = [key for key in lake.day_folders(prefix) if key.rsplit("/", 1)[1] <= until]
    if not dry_run:
        lake.clear_staged(old)
    return Removed(name, until, len(old), "folders")


def _published(target: Target, limits: dict[str, str], dry_run: bool) -> Iterator[Removed]:
    """Whole days, and revisions that a later one has replaced. The newest published day stays whatever its age."""
    keys = list(target.list("profiles/"))
    if not keys:
        return
    newest = read_manifest(target)["day"] if target.get(LATEST) else ""
    days = {key: key.split("/")[1].removeprefix("day=") for key in keys}
    old = [k for k in keys if "published" in limits and days[k] <= limits["published"] and days[k] != newest]
    if not dry_run:  # the manifest first: a reader finds no day rather than half of one
        target.delete(sorted(old, key=lambda key: (days[key], not key.endswith("manifest.json"), key)))
    yield Removed("published", limits.get("published", ""), len(old), "objects")
    if "revisions" in limits:
        standing = {d: read_manifest(target, d)["folder"] for d in sorted(set(days.values()) - {days[k] for k in old})}
        replaced = [
            key
            for key in keys
            if days[key] in standing
            and days[key] <= limits["revisions"]
            and key.count("/") > 2
            and not key.startswith(standing[days[key]])
        ]
        if not dry_run:
            target.delete(replaced)
        yield Removed("revisions", limits["revisions"], len(replaced), "objects")


def _links(
    lake: Lake, ledger: Ledger, rules: Rules, target: Target, limits: dict[str, str], dry_run: bool
) -> tuple[Removed, list[str]]:
    """Links of customers of whom no interaction is left and whom no profile shows, neither in the table nor published.

    While one does, the links say under which other identifiers they may ask to be erased from it.
    """
    from profiling.profiles.history import customer_ids_at

    until = sunday_on_or_before(limits["interactions"])
    old = set(lake.read("identity_links", [("day", "<=", until)], ["identity_id"])["identity_id"])
    if not old:
        return Removed("identity_links", until, 0, "rows"), []
    customer_of = customer_ids_at(lake, _FOR_EVER, rules).to_dict()
    seen = set(lake.read("interactions", [("day", ">", until)], ["identity_id"])["identity_id"])
    active = {customer_of.get(identity, identity) for identity in seen}
    candidates = {customer_of.get(identity, identity) for identity in old} - active
    members = {str(identity) for identity, customer in customer_of.items() if customer in candidates}
    try:
        shown = _shown(lake, ledger, target, limits, members) if members else set()
    except InputError as error:
        return Removed("identity_links", until, 0, "rows"), [f"no links are deleted: {error}"]
    active |= {customer_of.get(identity, identity) for identity in shown}
    gone = sorted(identity for identity in old if customer_of.get(identity, identity) not in active)
    return _rows(lake, "identity_links", [("day", "<=", until), ("identity_id", "in", gone)], until, dry_run), []


def _shown(lake: Lake, ledger: Ledger, target: Target, limits: dict[str, str], who: set[str]) -> set[str]:
    """Those of some identities that name a profile which is within its limits.

    Of days that are published as the table has them the table is asked: it says the same and costs less.

    Raises:
        InputError: a published file is damaged, so nobody can say whom it shows.
    """
    wanted: list[Filter] = [("day", ">", limits.get("profiles", "")), ("customer_id", "in", sorted(who))]
    found = set(lake.read("profiles", wanted, ["customer_id"])["customer_id"])
    newest = read_manifest(target)["day"] if target.get(LATEST) else ""
    of_table = {day for day in lake.partitions("profiles") if day > limits.get("profiles", "")}
    for day in published_days(target):
        is_kept = day > limits.get("published", "") or day == newest
        if is_kept and not (day in of_table and ledger.is_published_of_table(day)):
            found |= shown_ids(target, day) & who
    return found


def _text_cache(settings: Settings, until: str, dry_run: bool) -> Removed:
    from profiling.text.cache import caches

    moment = (pd.Timestamp(until, tz="UTC") + pd.Timedelta(days=1)).timestamp()
    held = [cache for name in ("texts", "media", "answers") for cache in caches(settings.cache, name)]
    number = sum(cache.forget(int(moment), dry_run=dry_run) for cache in held)
    return Removed("text_cache", until, number, "entries")
