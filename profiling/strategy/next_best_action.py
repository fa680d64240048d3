"""The next best action by a table of rules, read from the top: the first that holds decides, and the last always holds."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

# What a rule may look at: one flat record a customer (`FIELDS`). A value that is not known is None, and a comparison with it
# must not hold: `_at_least` and `_below` see to that.
Customer = Mapping[str, Any]
FIELDS = (
    "life_cycle", "rfm_label", "days_known", "recency_days", "quiet_days", "usual_gap_days", "main_kind", "main_act",
    "purchase_count", "review_count", "tier", "satisfaction", "worst_aspect", "top_interest", "top_interest_share",
    "recommended", "complaint",
)  # fmt: skip

# What a reason may rest on; `decide` is given the evidence of each.
CLAIMS = ("satisfaction", "aspect", "interest", "activity", "complaint")

# Marketing goes through a channel only where the customer granted its purpose. On site nothing is sent to anybody.
PURPOSE_OF_CHANNEL = {"email": "marketing_email", "sms": "marketing_sms"}
ONSITE = "onsite"

UNHAPPY_BELOW = 0.4
HAPPY_FROM = 0.6
# Older trouble is history: an apology after three months reminds more than it heals.
TROUBLE_DAYS = 60
STRONG_SHARE = 0.3
# A review is asked for while the product is still new to its owner.
REVIEW_DAYS = 30


@dataclass(frozen=True)
class Rule:
    """One row of the table. The reasons are format strings over the customer's record, so that no number is typed by hand."""

    name: str
    when: Callable[[Customer], bool]
    action: str
    channels: tuple[str, ...]
    rests_on: str
    reason_en: str
    reason_zh: str
    is_marketing: bool = True


def _at_least(value: float | None, limit: float) -> bool:
    return value is not None and value >= limit


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _is_in_trouble(c: Customer) -> bool:
    return _below(c["satisfaction"], UNHAPPY_BELOW) and c["recency_days"] <= TROUBLE_DAYS


RULES = (
    Rule(
        "unhappy_about_aspect",
        lambda c: _is_in_trouble(c) and c["worst_aspect"] is not None,
        "recover_service",
        ("email",),
        "aspect",
        "Satisfaction is {satisfaction:.2f}, and the trouble is {worst_aspect}: make it good before anything is offered.",
        "满意度仅为{satisfaction:.2f}，问题在于{worst_aspect}：先解决问题，再谈推荐。",
        is_marketing=False,
    ),
    Rule(
        "unhappy",
        _is_in_trouble,
        "recover_service",
        ("email",),
        "satisfaction",
        "Satisfaction is {satisfaction:.2f}: ask what went wrong before anything is offered.",
        "满意度仅为{satisfaction:.2f}：先了解问题所在，再谈推荐。",
        is_marketing=False,
    ),
    Rule(
        "complains",
        lambda c: c["complaint"] is not None,
        "recover_service",
        ("email",),
        "complaint",
        "Said lately: {complaint}. Make it good before anything is offered.",
        "近来表示：{complaint}。先解决问题，再谈推荐。",
        is_marketing=False,
    ),
    Rule(
        "valuable_and_leaving",
        lambda c: c["life_cycle"] in ("at_risk", "lapsed") and c["tier"] in ("high", "medium"),
        "win_back",
        ("email", "sms"),
        "activity",
        "No {main_act} for {quiet_days} days where {usual_gap_days:.0f} are usual, and worth keeping.",
        "已有{quiet_days}天没有{main_act}，而通常间隔约为{usual_gap_days:.0f}天，值得挽回。",
    ),
    Rule(
        "newcomer",
        lambda c: c["life_cycle"] == "new",
        "welcome",
        ("email",),
        "activity",
        "Day {days_known} with us: a welcome now shapes the habit.",
        "认识的第{days_known}天：此时的欢迎最能养成习惯。",
    ),
    Rule(
        "best_customer",
        lambda c: (
            c["life_cycle"] in ("active", "loyal")
            and (c["life_cycle"] == "loyal" or c["rfm_label"] in ("champions", "loyal"))
            and not _below(c["satisfaction"], HAPPY_FROM)
        ),
        "reward",
        ("email", "sms"),
        "activity",
        "Comes about every {usual_gap_days:.0f} days and keeps to it: loyalty deserves thanks.",
        "大约每{usual_gap_days:.0f}天光顾一次，一如既往：忠诚值得回馈。",
    ),
    Rule(
        "strong_interest",
        lambda c: (
            _at_least(c["top_interest_share"], STRONG_SHARE)
            and c["recommended"] is not None
            and c["life_cycle"] != "lapsed"
        ),
        "cross_sell",
        ("email", ONSITE),
        "interest",
        "Likes {top_interest} most; the best offer that is not owned yet: {recommended}.",
        "最喜欢{top_interest}；尚未拥有的首选推荐：{recommended}。",
    ),
    Rule(
        "silent_buyer",
        lambda c: c["main_kind"] == "purchase" and c["review_count"] == 0 and c["quiet_days"] <= REVIEW_DAYS,
        "ask_for_review",
        ("email",),
        "activity",
        "Bought on one of the last {review_days} days and has never said how it was.",
        "最近{review_days}天内购买过，但从未评价。",
    ),
    Rule(
        "nothing_fits",
        lambda c: True,
        "none",
        (),
        "activity",
        "Nothing known today calls for an approach: better silence than noise.",
        "目前没有需要主动联系的理由：与其打扰，不如等待。",
    ),
)


def decide(
    customer: Customer, granted: Collection[str], claims: Mapping[str, Mapping[str, Any]], language: str
) -> dict[str, Any]:
    """The action of the first rule that holds.

    Args:
        customer: FIELDS; None where unknown. `worst_aspect` and the like are already in the reader's words.
        granted: purposes of consent granted and not withdrawn.
        claims: for each of CLAIMS its evidence (interaction ids, strongest first) and evidence_count.
        language: `zh` for Chinese, anything else for English.

    Returns:
        action, channel (None when there is nothing to say), reason, rule, written_by, evidence, evidence_count. Service is no
        marketing: it may use its first channel without consent.
    """
    rule = next(rule for rule in RULES if rule.when(customer))
    reason = rule.reason_zh if language == "zh" else rule.reason_en
    return {
        "action": rule.action,
        "channel": _channel(rule, granted),
        "reason": reason.format(**customer, review_days=REVIEW_DAYS),
        "rule": rule.name,
        "written_by": "template",
        "evidence": list(claims[rule.rests_on]["evidence"]),
        "evidence_count": claims[rule.rests_on]["evidence_count"],
    }


def _channel(rule: Rule, granted: Collection[str]) -> str | None:
    """The first channel preferred that is allowed, else on site, where the customer comes by choice."""
    if not rule.channels:
        return None
    allowed = (c for c in rule.channels if not rule.is_marketing or c == ONSITE or PURPOSE_OF_CHANNEL[c] in granted)
    return next(allowed, ONSITE)
