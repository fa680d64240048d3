"""Who is whose customer: identities joined by the links known by a day, under the rules. A pure function of them, in any order.

1. A link joins if both its types identify alone. Links of shared types join nothing. An identifier linked to more persons than
   its type's cap is left out and listed; its persons are the parts that its neighbours fall into without it (and without others
   that might be over their caps).
2. What links join is a person. Where a person would have two values of a unique type, the links between them are taken again one
   by one, in the order in which they became known (day of the drop, event time, event; within one event those of a unique type
   first), and a link that would join two persons with different values is left out and listed. A later link never undoes an
   earlier one, unless it shows two values already joined to be of one source.
3. An identifier that does not identify alone belongs to the person all its links lead to; as soon as they lead to two, to none.
4. A customer is named after its oldest member: by first event, then by id. Members with events of their own come first, so that a
   customer_id is always an id under which interactions are stored; then those that identify alone.

Nothing is rewritten: links of a day that are withdrawn, or other rules, give the customers that would always have been.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from profiling.prepare.identity_rules import Rules

CONFLICT_COLUMNS = (
    "kind", "identity_id", "other_id", "identifier_type", "customer_id", "other_customer_id", "persons", "interaction_id", "day",
)  # fmt: skip
_ORDER = ["day", "occurred_at", "interaction_id"]


@dataclass(frozen=True)
class Resolution:
    """What links and rules make of identities.

    Attributes:
        customer_of: identity_id -> customer_id, sorted by identity_id, for every identity of the links and of those seen.
        conflicts: CONFLICT_COLUMNS, sorted: links that were not applied (`unique`: both sides, the type they conflict in, the
            event) and identifiers that are nobody's (`capped`, `several`: how many persons they lead to).
    """

    customer_of: pd.Series
    conflicts: pd.DataFrame


@dataclass(frozen=True)
class _Graph:
    """Identities numbered from 0, in no order that matters, and the links between them.

    ids: (n,) str; kinds: (n,) number of the type's rule; left, right: (m,) identities of each row of `links`.
    """

    ids: np.ndarray
    kinds: np.ndarray
    left: np.ndarray
    right: np.ndarray
    links: pd.DataFrame
    rules: tuple  # of the kinds' numbers
    names: tuple[str, ...]

    def flags(self, name: str) -> np.ndarray:
        """(n,) bool: whether the rule of each identity's type has it."""
        return np.array([bool(getattr(rule, name)) for rule in self.rules] or [False])[self.kinds]


def resolve(links: pd.DataFrame, first_seen: pd.Series, rules: Rules) -> Resolution:
    """The customer of every identity, and what was refused.

    Args:
        links: IDENTITY_LINKS of the days known, in any order, also several times.
        first_seen: identity_id -> time of its first event; identities without links are customers of their own.
    """
    graph = _graph(links, first_seen, rules)
    joins = ~graph.flags("shared")
    weak = joins & ~graph.flags("identifies")
    strong = joins & ~weak
    persons = _persons_of_suspects(graph, strong)
    limits = np.array([rule.cap or np.inf for rule in graph.rules] or [np.inf])[graph.kinds]
    capped = persons > limits
    strong &= ~capped
    label, blocked = _without_conflicts(graph, _joined(graph, strong), strong)
    label, several = _attached(graph, label, strong, weak)
    customers = _oldest(graph, label, weak, first_seen)
    conflicts = pd.concat(
        [
            _refused_links(graph, blocked, customers),
            _refused_identities(graph, "capped", np.flatnonzero(capped), persons, customers),
            _refused_identities(graph, "several", np.flatnonzero(several > 1), several, customers),
        ],
        ignore_index=True,
    ).sort_values(["kind", "day", "identity_id", "other_id"], kind="stable", ignore_index=True)
    index = pd.Index(graph.ids, name="identity_id")
    customer_of = pd.Series(graph.ids[customers], index=index, name="customer_id", dtype="str").sort_index()
    return Resolution(customer_of, conflicts)


def _graph(links: pd.DataFrame, first_seen: pd.Series, rules: Rules) -> _Graph:
    both = pd.concat([links["identity_id"], links["other_id"], pd.Series(first_seen.index, dtype="str")])
    numbers, ids = pd.factorize(both.astype("str"))
    left, right = numbers[: len(links)], numbers[len(links) : 2 * len(links)]
    named, names = pd.factorize(pd.concat([links["first_type"], links["identifier_type"]]), use_na_sentinel=False)
    kinds = np.full(len(ids), len(names))
    kinds[np.concatenate([left, right])] = named
    texts = tuple(name if isinstance(name, str) else "" for name in names)
    of = (*(rules.of(name) for name in texts), rules.of(""))
    return _Graph(np.asarray(ids, dtype=object), kinds, left, right, links, of, (*texts, ""))


def _joined(graph: _Graph, strong: np.ndarray, also: np.ndarray | None = None) -> np.ndarray:
    """(n,) the person of each identity, a number: connected components of the links between strong identities."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    kept = strong[graph.left] & strong[graph.right]
    kept = kept if also is None else kept & also
    ones, size = np.ones(int(kept.sum()), dtype=bool), len(graph.ids)
    matrix = coo_matrix((ones, (graph.left[kept], graph.right[kept])), shape=(size, size))
    return connected_components(matrix, directed=False)[1].astype("int64")


def _pairs(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct pairs of two columns of numbers."""
    frame = pd.DataFrame({"one": one, "other": other}).drop_duplicates()
    return frame["one"].to_numpy(), frame["other"].to_numpy()


def _persons_of_suspects(graph: _Graph, strong: np.ndarray) -> np.ndarray:
    """(n,) how many persons an identity with a cap is linked to; 0 where it has too few neighbours for the cap to matter."""
    limits = np.array([rule.cap or np.inf for rule in graph.rules] or [np.inf])[graph.kinds]
    kept = strong[graph.left] & strong[graph.right] & (graph.left != graph.right)
    one, other = _pairs(
        np.concatenate([graph.left[kept], graph.right[kept]]), np.concatenate([graph.right[kept], graph.left[kept]])
    )
    suspects = strong & (np.bincount(one, minlength=len(graph.ids)) > limits)
    persons = np.zeros(len(graph.ids), dtype="int64")
    if suspects.any():
        label = _joined(graph, strong & ~suspects)
        asked = suspects[one]
        who, _ = _pairs(one[asked], label[other[asked]])
        np.add.at(persons, who, 1)
    return persons


def _tokens(graph: _Graph) -> tuple[np.ndarray, np.ndarray]:
    """(identities, what each has one value of): a number for each unique type and, where the rule says so, source."""
    found = []
    sources = pd.factorize(graph.links["source"], use_na_sentinel=False)[0] + 1
    always = np.array([rule.unique == "always" for rule in graph.rules])
    unique = graph.flags("unique")
    for end in (graph.left, graph.right):
        kept = unique[end]
        kinds = graph.kinds[end[kept]]
        token = kinds * (len(sources) + 2) + np.where(always[kinds], 0, sources[kept])
        found.append((end[kept], token))
    return _pairs(np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]))


def _without_conflicts(
    graph: _Graph, label: np.ndarray, strong: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Persons split where they would have two values of a unique type; (row of `links`, type in conflict) of links left out."""
    identities, tokens = _tokens(graph)
    holders = pd.DataFrame({"identity": identities, "token": tokens, "person": label[identities]})
    holders = holders[strong[identities]]
    torn = np.unique(holders.loc[holders.duplicated(["person", "token"], keep=False), "person"])
    if not len(torn):
        return label, []
    own: dict[int, dict[int, int]] = {}
    for identity, token in holders.loc[holders["person"].isin(torn), ["identity", "token"]].itertuples(index=False):
        own.setdefault(identity, {})[token] = identity
    kept = strong[graph.left] & strong[graph.right] & np.isin(label[graph.left], torn)
    parent: dict[int, int] = {}
    blocked = []

    def root(node: int) -> int:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = parent[above]
            node = above
        return node

    for row, one, other in _in_order(graph, np.flatnonzero(kept)):
        low, high = root(one), root(other)
        if low == high:
            continue
        clash = own.get(low, {}).keys() & own.get(high, {}).keys()
        if clash:
            names = {graph.names[graph.kinds[own[low][token]]] for token in clash}
            blocked.append((row, min(names)))
            continue
        if len(own.get(low, {})) < len(own.get(high, {})):
            low, high = high, low
        parent[high] = low
        if high in own:
            own.setdefault(low, {}).update(own.pop(high))
    again = np.flatnonzero(np.isin(label, torn))
    label = label.copy()
    label[again] = len(graph.ids) + np.array([root(int(node)) for node in again])
    return np.unique(label, return_inverse=True)[1], blocked


def _in_order(graph: _Graph, rows: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(row, identity, identity) of the first link of every pair, in the order in which they became known."""
    one, other = graph.ids[graph.left[rows]], graph.ids[graph.right[rows]]
    unique = graph.flags("unique")
    found = graph.links[_ORDER].iloc[rows].reset_index(drop=True)
    found = found.assign(
        later=~(unique[graph.left[rows]] | unique[graph.right[rows]]),
        low=np.minimum(one, other), high=np.maximum(one, other), row=rows,
    )  # fmt: skip
    found = found.sort_values([*_ORDER, "later", "low", "high"], kind="stable").drop_duplicates(["low", "high"])
    for row in found["row"].to_numpy():
        yield int(row), int(graph.left[row]), int(graph.right[row])


def _attached(graph: _Graph, label: np.ndarray, strong: np.ndarray, weak: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Identities that do not identify alone joined to the only person they lead to; (n,) to how many they lead."""
    ends = [(graph.left, graph.right), (graph.right, graph.left)]
    who = np.concatenate([one[weak[one] & strong[other]] for one, other in ends])
    to = np.concatenate([label[other[weak[one] & strong[other]]] for one, other in ends])
    who, to = _pairs(who, to)
    several = np.bincount(who, minlength=len(graph.ids))
    label = label.copy()
    only = several[who] == 1
    label[who[only]] = to[only]
    return label, several


def _oldest(graph: _Graph, label: np.ndarray, weak: np.ndarray, first_seen: pd.Series) -> np.ndarray:
    """(n,) the identity that each identity's customer is named after."""
    times = first_seen.reindex(graph.ids).to_numpy("datetime64[us]").astype("int64")
    seen = times != np.iinfo("int64").min  # NaT
    nodes = pd.DataFrame({"label": label, "unseen": ~seen, "weak": weak, "time": times, "node": np.arange(len(label))})
    nodes = nodes.sort_values(["label", "unseen", "weak", "time"], kind="stable")
    best = nodes.drop_duplicates("label")
    ties = nodes.merge(best[["label", "unseen", "weak", "time"]], how="inner")
    tied = ties[ties["label"].duplicated(keep=False)]
    by_id = (
        tied.assign(identity_id=graph.ids[tied["node"]]).sort_values(["label", "identity_id"]).drop_duplicates("label")
    )
    named = np.zeros(int(label.max(initial=-1)) + 1, dtype="int64")
    named[best["label"]] = best["node"]
    named[by_id["label"]] = by_id["node"]
    return named[label]


def _refused_links(graph: _Graph, blocked: list[tuple[int, str]], customers: np.ndarray) -> pd.DataFrame:
    rows = [row for row, _ in blocked]
    one, other = graph.left[rows], graph.right[rows]
    return _conflicts(
        kind="unique",
        identity_id=graph.ids[one],
        other_id=graph.ids[other],
        identifier_type=[name for _, name in blocked],
        customer_id=graph.ids[customers[one]],
        other_customer_id=graph.ids[customers[other]],
        persons=2,
        interaction_id=graph.links["interaction_id"].to_numpy(object)[rows],
        day=graph.links["day"].to_numpy(object)[rows],
    )


def _refused_identities(
    graph: _Graph, kind: str, found: np.ndarray, persons: np.ndarray, customers: np.ndarray
) -> pd.DataFrame:
    return _conflicts(
        kind=kind,
        identity_id=graph.ids[found],
        other_id=None,
        identifier_type=[graph.names[number] for number in graph.kinds[found]],
        customer_id=graph.ids[customers[found]],
        other_customer_id=None,
        persons=persons[found],
        interaction_id=None,
        day=None,
    )


def _conflicts(**columns: object) -> pd.DataFrame:
    index = pd.RangeIndex(len(columns["identity_id"]))  # type: ignore[arg-type]
    frame = pd.DataFrame(columns, index=index, columns=list(CONFLICT_COLUMNS))
    return frame.astype({**dict.fromkeys(CONFLICT_COLUMNS, "str"), "persons": "int64"})


def changes(before: Resolution, after: Resolution, seen: pd.Index, links: pd.DataFrame) -> pd.DataFrame:
    """What became of the customers of a day before: `from_id`, `to_id`, `kind` and `interaction_id`, the new link behind it.

    Args:
        before, after: of the links known by the day before and by the day, under the same rules.
        seen: identities with interactions by the day before: those whose customer had a profile.
        links: the links that the day brought.
    """
    was = before.customer_of[before.customer_of.index.isin(seen)]
    moved = pd.DataFrame({"from_id": was, "to_id": after.customer_of.reindex(was.index)})
    moved = moved[moved["from_id"] != moved["to_id"]]
    moved = moved.assign(kind=np.where(moved.index == moved["from_id"], "merge", "split"))
    moved = moved.sort_values(["from_id", "to_id", "kind"], kind="stable")
    moved = moved.drop_duplicates(["from_id", "to_id"], ignore_index=True)  # who goes along with a merge is no split
    return moved.assign(interaction_id=_evidence(moved, before.customer_of, links)).astype("str")


def _evidence(moved: pd.DataFrame, customer_of: pd.Series, links: pd.DataFrame) -> pd.Series:
    """The first of the day's links that touches the old customer, or else the new one; missing where none does."""
    ends = [
        links.assign(customer=links[name].map(customer_of).astype("str").fillna(links[name]))
        for name in ("identity_id", "other_id")
    ]
    touching = pd.concat(ends, ignore_index=True)
    wanted = pd.concat([moved["from_id"], moved["to_id"]])
    touching = touching[touching["customer"].isin(wanted)].sort_values(["occurred_at", "interaction_id"], kind="stable")
    first = touching.drop_duplicates("customer").set_index("customer")["interaction_id"]
    return moved["from_id"].map(first).fillna(moved["to_id"].map(first))
