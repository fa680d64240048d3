"""What the sample's customers do: purchases in their own rhythm with all that surrounds them, and visits in between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np

from profiling.collect import sample_texts as texts
from profiling.collect.sample_shop import Customer, Item

_OFF_TASTE = 0.06  # purchases and visits that follow no taste
_PERSONAL = {"email": 0.15, "review": 0.03, "post": 0.02}  # share of texts that give away personal data
_CARRIERS = ("Fleetfoot", "BlueVan", "ParcelPal")


@dataclass(frozen=True)
class Event:
    """One event before it is written; `planted` is (type, string) of personal data in its text."""

    identifiers: dict[str, str]
    occurred_at: datetime
    kind: str
    item_id: str | None = None
    text: str | None = None
    rating: int | None = None
    quantity: int | None = None
    amount: float | None = None
    channel: str = "web"
    attributes: tuple[tuple[str, str | int], ...] = ()
    planted: tuple[str, str] | None = None
    event_id: str = ""

    @property
    def day(self) -> date:
        return self.occurred_at.date()

    def with_id(self, event_id: str) -> "Event":
        return replace(self, event_id=event_id)

    def later(self, minutes: int, text: str) -> "Event":
        """The same once more on the same day, in other words."""
        moment = min(self.occurred_at + timedelta(minutes=minutes), datetime.combine(self.day, time(23, 59)))
        return replace(self, occurred_at=moment, text=text)

    def record(self) -> dict[str, Any]:
        """In our own input form; what is not said is left out."""
        said = {
            "event_id": self.event_id,
            "identifiers": dict(self.identifiers),
            "occurred_at": self.occurred_at.isoformat(),
            "kind": self.kind,
            "item_id": self.item_id,
            "text": self.text,
            "rating": self.rating,
            "quantity": self.quantity,
            "amount": self.amount,
            "currency": None if self.amount is None else "USD",
            "channel": self.channel,
            "attributes": dict(self.attributes) or None,
        }
        return {name: value for name, value in said.items() if value is not None}


class Prices:
    """The shop's articles and what they cost on which day: a few prices change every ten days."""

    def __init__(self, shop: Sequence[Item], calendar: Sequence[date], seed: int) -> None:
        self.shop = {item.item_id: item for item in shop}
        self.by_category: dict[str, list[Item]] = {}
        for item in shop:
            self.by_category.setdefault(item.category, []).append(item)
        self.first = calendar[0]
        self.changes: dict[date, dict[str, float]] = {}
        rng = np.random.default_rng([seed, 3])
        for day in calendar[10::10]:
            changed = sorted(int(place) for place in rng.choice(len(shop), size=min(3, len(shop)), replace=False))
            self.changes[day] = {
                shop[place].item_id: round(shop[place].price_usd * float(rng.uniform(0.8, 1.1)), 2) for place in changed
            }

    def on(self, item: Item, day: date) -> float:
        known = [
            prices[item.item_id] for since, prices in self.changes.items() if since <= day and item.item_id in prices
        ]
        return known[-1] if known else item.price_usd

    def said(self, day: date) -> list[dict[str, Any]]:
        """The catalogue's lines of a day: everything on the first, later only what costs something else."""
        stated = f"{day.isoformat()}T05:00:00"
        if day == self.first:
            return [
                {
                    "item_id": item.item_id,
                    "stated_at": stated,
                    "title": item.title,
                    "category": item.category,
                    "brand": item.brand[0],
                    "price_usd": item.price_usd,
                }
                for item in self.shop.values()
            ]
        changed = self.changes.get(day, {})
        return [{"item_id": item_id, "stated_at": stated, "price_usd": price} for item_id, price in changed.items()]


@dataclass
class _Life:
    """One customer's days as they are drawn, event by event."""

    customer: Customer
    prices: Prices
    calendar: Sequence[date]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.starts_on = max(self.customer.joined_on, self.calendar[0])
        self.ends_before = self.customer.churned_on or self.calendar[-1] + timedelta(days=1)
        self.said: set[tuple[date, str, str]] = set()

    def moments(self, mean_days: float, shape: float) -> Iterator[date]:
        """Days with gamma-distributed gaps, the first within one gap."""
        at = float(self.rng.uniform(0, mean_days))
        while (day := self.starts_on + timedelta(days=int(at))) < self.ends_before:
            yield day
            at += max(1.0, float(self.rng.gamma(shape, mean_days / shape)))

    def item(self) -> Item:
        categories = list(self.prices.by_category)
        if self.rng.random() < _OFF_TASTE:
            category = categories[int(self.rng.integers(len(categories)))]
        else:
            category = str(self.rng.choice(self.customer.tastes, p=self.customer.shares))
        return self.sibling(category)

    def sibling(self, category: str) -> Item:
        choices = self.prices.by_category[category]
        popularity = 1 / np.arange(1, len(choices) + 1) ** 0.7
        return choices[int(self.rng.choice(len(choices), p=popularity / popularity.sum()))]

    def at(self, day: date, earliest: int = 7, latest: int = 22) -> datetime:
        second = int(self.rng.integers(earliest * 3600, latest * 3600))
        return datetime.combine(day, time()) + timedelta(seconds=second)

    def event(self, occurred_at: datetime, kind: str, item: Item | None, **details: Any) -> list[Event]:
        """The event, or none when the customer is gone by then."""
        if occurred_at.date() >= self.ends_before or occurred_at.date() > self.calendar[-1]:
            return []
        identifiers = {"customer": self.customer.identifier}
        if kind == "email" or (kind in ("purchase", "review") and self.rng.random() < 0.3):
            identifiers["email"] = self.customer.email
        channel = details.pop("channel", "app" if self.rng.random() < 0.4 else "web")
        return [Event(identifiers, occurred_at, kind, item.item_id if item else None, channel=channel, **details)]

    def spoken(self, occurred_at: datetime, kind: str, item: Item | None, text: str, **details: Any) -> list[Event]:
        """An event with a text; nobody says the same twice on one day (the planted copies excepted)."""
        key = (occurred_at.date(), kind, "".join(letter for letter in text.casefold() if letter.isalnum()))
        if key in self.said:
            return []
        self.said.add(key)
        planted = None
        if self.rng.random() < _PERSONAL.get(kind, 0.0):
            *planted, sentence = texts.personal(self.customer.language, self.rng)
            text = texts.joined([text, sentence], self.customer.language)
        return self.event(occurred_at, kind, item, text=text, planted=tuple(planted) if planted else None, **details)

    def purchase(self, day: date) -> list[Event]:
        """A purchase with the looking around before it, the delivery, and what is said about it later."""
        rng, customer, item = self.rng, self.customer, self.item()
        bought_at = self.at(day, earliest=10)
        quantity = int(rng.choice([1, 2, 3], p=[0.82, 0.13, 0.05]))
        events = self.browsing(bought_at - timedelta(minutes=int(rng.integers(20, 150))), item, views=1, searches=0.45)
        amount = round(quantity * self.prices.on(item, day), 2)
        events += self.event(bought_at, "purchase", item, quantity=quantity, amount=amount)
        is_slow = "delivery" in customer.dislikes
        travel = int(rng.integers(1, 4)) + (3 if is_slow else 0)
        arrived_at = self.at(day + timedelta(days=travel))
        carrier = _CARRIERS[int(rng.integers(len(_CARRIERS)))]
        details = (("carrier", carrier), ("days_late", 3 if is_slow else 0))
        events += self.event(arrived_at, "delivery", item, channel="courier", attributes=details)
        mood = self.mood(arrived_at.date())
        if rng.random() < 0.75:
            rating = 1 + round(4 * mood)
            said_at = self.at(arrived_at.date() + timedelta(days=int(rng.integers(1, 5))))
            events += self.spoken(said_at, "review", item, texts.review(customer, item, rating, rng), rating=rating)
        if rng.random() < 0.2:
            written_at = self.at(arrived_at.date() + timedelta(days=int(rng.integers(0, 3))))
            is_complaint = mood < 0.45
            events += self.spoken(
                written_at, "email", item, texts.email(customer, item, is_complaint, rng), channel="mail",
                attributes=(("is_complaint", "yes"),) if is_complaint else (),
            )  # fmt: skip
        if rng.random() < 0.2:
            events += self.posting(day + timedelta(days=int(rng.integers(0, 6))))
        return events

    def mood(self, day: date) -> float:
        """Satisfaction with one purchase, 0 to 1."""
        progress = (day - self.calendar[0]).days / len(self.calendar)
        return min(1.0, max(0.0, self.customer.satisfaction_at(progress) + float(self.rng.normal(0, 0.12))))

    def browsing(self, begins_at: datetime, item: Item, views: int, searches: float) -> list[Event]:
        events = []
        if self.rng.random() < searches:
            events += self.spoken(begins_at, "search", None, texts.search(self.customer, item, self.rng))
        for number in range(views + int(self.rng.random() < 0.25)):
            seen = item if number == 0 else self.sibling(item.category)
            events += self.event(
                begins_at + timedelta(seconds=int(self.rng.integers(40, 900)) * (number + 1)), "view", seen
            )
        return events

    def posting(self, day: date) -> list[Event]:
        return self.spoken(
            self.at(day), "post", None, texts.post(self.customer, self.item(), self.rng), channel="social"
        )

    def visit(self, day: date) -> list[Event]:
        """Looking around without buying, and sometimes a post."""
        events = self.browsing(self.at(day, latest=21), self.item(), views=1, searches=0.75)
        return events + (self.posting(day) if self.rng.random() < 0.2 else [])


def events_of(customer: Customer, number: int, prices: Prices, calendar: Sequence[date], seed: int) -> list[Event]:
    """Everything one customer does in the calendar's days, in no order."""
    life = _Life(customer, prices, calendar, np.random.default_rng([seed, 6, number]))
    events = [event for day in life.moments(customer.rhythm_days, shape=3.0) for event in life.purchase(day)]
    return events + [event for day in life.moments(customer.rhythm_days * 0.8, shape=2.0) for event in life.visit(day)]


def visits(customers: int, prices: Prices, calendar: Sequence[date], seed: int) -> list[Event]:
    """People who never say who they are: views known by a device only, about one a day for 60 customers."""
    rng = np.random.default_rng([seed, 7])
    shop = list(prices.shop.values())
    devices = max(1, customers // 10)
    events = []
    for day in calendar:
        for _ in range(int(rng.poisson(customers / 60))):
            occurred_at = datetime.combine(day, time()) + timedelta(seconds=int(rng.integers(7 * 3600, 22 * 3600)))
            device = f"D{int(rng.integers(devices)) + 1:04d}"
            item = shop[int(rng.integers(len(shop)))]
            events.append(Event({"device": device}, occurred_at, "view", item.item_id))
    return events
