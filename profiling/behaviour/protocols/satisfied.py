"""Protocol 5: does a text say that its writer is satisfied?

English: reviews of an Amazon file, satisfied is a rating of 4 or 5; five folds of whole customers. Chinese: two files of lines,
the label is the file; lines that stand in both are dropped, copies kept once; five folds of lines.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from profiling.behaviour.evaluation import DRAWS, SEED, Estimate, Evaluation, difference, evaluate
from profiling.behaviour.protocols.chinese_texts import RECIPES as CHINESE
from profiling.behaviour.protocols.chinese_texts import chinese_world
from profiling.behaviour.protocols.english_texts import RECIPES as ENGLISH
from profiling.behaviour.protocols.english_texts import english_world
from profiling.behaviour.protocols.nested import INNER_FOLDS, Scores, World, measured
from profiling.behaviour.protocols.report import OURS, Line, Report, Table, chosen, one_file, published
from profiling.behaviour.splits import grouped_folds
from profiling.errors import InputError

log = logging.getLogger(__name__)

FOLDS = 5
LEAST = (3, 7)  # customers of the rarer and of the other opinion
COLUMNS = ("roc_auc", "pr_auc_low", "accuracy", "macro_f1", "macro_f1@t")

STATEMENT = (
    f"{FOLDS} folds (StratifiedGroupKFold, shuffled, seed {SEED}; English: of customers, Chinese: of lines). Figures: means over "
    f"the folds; intervals: {DRAWS} bootstrap draws of customers (lines), seed {SEED}, 95 %. @t: at the threshold with the best "
    f"macro F1 on scores of {INNER_FOLDS} inner folds of the training rows; else at .5."
)
_LOOKS = {
    "english": (
        "The parts of `stack` and all its settings were chosen on inner folds of the first fold's training rows; its test "
        "figures were looked at once after that. Two later looks only brought tfidf_* and minilm to their baselines' settings."
    ),
    "chinese": (
        "The parts of `stack` and all its settings were chosen on inner folds of the first fold's training rows; the test folds "
        "were looked at once after that."
    ),
}

# Measured for the project with scikit-learn 1.9 and torch 2.13, one setting each, no tuning: the project's table of
# baselines, section 5. AUC, PR AUC of the low class, accuracy, macro F1 at .5 and at the threshold from training.
_PUBLISHED = {
    "english": (
        ("always satisfied", (None, None, 0.879, 0.468, None)),
        ("VADER (summary+text)", (0.721, 0.352, None, 0.647, 0.657)),
        ("TextBlob", (0.748, 0.313, None, 0.591, 0.630)),
        ("LSTM 2x200 of the article, text, folds 0-3", (0.735, 0.287, None, 0.586, None)),
        ("TF-IDF(1,2) LR C=1, text", (0.863, 0.528, None, 0.475, 0.714)),
        ("TF-IDF(1,2) LR C=10 balanced, text", (0.865, 0.542, None, 0.713, 0.718)),
        ("TF-IDF LR C=10 balanced, summary+text", (0.901, 0.632, None, 0.762, 0.765)),
        ("MiniLM + LR, summary+text", (0.860, 0.513, None, 0.677, 0.716)),
        ("MiniLM+VADER+TextBlob LR", (0.870, 0.546, None, 0.688, 0.725)),
        ("logit-mean(TF-IDF, MiniLM)", (0.915, None, None, 0.782, None)),
        ("logit-mean(TF-IDF, MiniLM+VADER+TextBlob)", (0.916, None, None, 0.776, None)),
    ),
    "chinese": (
        ("jieba TF-IDF(1,2) LR C=10", (0.918, None, None, 0.847, None)),
        ("jieba, 10,000 rows", (0.908, None, None, 0.835, None)),
        ("characters 1-3, 10,000 rows", (0.914, None, None, 0.841, None)),
    ),
}
_GOALS = {
    "english": "Goal: AUC of .930, macro F1 of .80.",
    "chinese": "Goal: AUC of .930.",
}


def run(inputs: list[Path], cache: Path, models: Sequence[str] | None = None, folds: int | None = None) -> Report:
    """Measure on a file of Amazon reviews, or on two files of lines, named `...pos.txt` and `...neg.txt`.

    Args:
        inputs: the file, or the two.
        cache: folder of embeddings and sentiments already computed.
        models: some of the language's recipes; default all.
        folds: only the first so many of the five folds.

    Raises:
        InputError: a file cannot be read, or has too few customers for the folds.
        SettingsError: an unknown model, or files of another number or name.
    """
    language = language_of(inputs)
    names = chosen(models, CHINESE if language == "chinese" else ENGLISH)
    world = chinese_world(inputs, cache) if language == "chinese" else english_world(one_file(inputs), cache)
    return report("satisfied", _LOOKS[language], language, world, names, folds)


def language_of(inputs: Sequence[Path]) -> str:
    """`chinese` for files of lines, `english` for one of reviews."""
    return "chinese" if any(path.suffix == ".txt" for path in inputs) else "english"


def report(protocol: str, looks: str, language: str, world: World, names: Sequence[str], folds: int | None) -> Report:
    """Models of a world on the protocol's folds, beside the baselines of the language."""
    _require_enough(world.labels, world.groups)
    splits = grouped_folds(world.labels, world.groups, FOLDS, SEED)[:folds]
    scores = measured(world, names, splits)
    fold = np.full(len(world.labels), -1)
    for number, split in enumerate(splits):
        fold[split.test] = number
    log.info("intervals of %d models, by draws", len(names))
    found = {name: _evaluation(world, scores[name], fold) for name in names}
    return Report(
        protocol=protocol,
        statement=STATEMENT,
        looks=looks,
        facts=world.facts | {"folds measured": len(splits)},
        tables=(_table(language, found), _gains(world, scores, fold)),
        evaluations={name: evaluation.asdict() for name, evaluation in found.items()},
    )


def _require_enough(labels: np.ndarray, groups: np.ndarray) -> None:
    """Too few customers are one sentence before anything learns; `LEAST` of both opinions have each in every inner fold."""
    rarer, other = sorted(len(np.unique(groups[labels == label])) for label in (0, 1))
    if rarer < LEAST[0] or other < LEAST[1]:
        raise InputError(
            f"{len(np.unique(groups))} customers with {int(labels.sum())} texts of the satisfied and "
            f"{int((1 - labels).sum())} others are too few for {FOLDS} folds; give more reviews: of at least {sum(LEAST)} "
            f"customers, {LEAST[0]} satisfied and {LEAST[1]} not, or the other way round"
        )


def _evaluation(world: World, scores: Scores, fold: np.ndarray) -> Evaluation:
    tested = fold >= 0
    thresholds = scores.thresholds[tested]
    return evaluate(
        world.labels[tested],
        scores.probabilities[tested],
        groups=world.groups[tested],
        folds=fold[tested],
        threshold=None if np.isnan(thresholds).any() else thresholds,
    )


def _table(language: str, found: dict[str, Evaluation]) -> Table:
    lines = [
        Line(name, OURS, {column: each.metrics[column] for column in COLUMNS if column in each.metrics})
        for name, each in found.items()
    ]
    return Table(
        "Satisfied or not, from the text",
        COLUMNS,
        published(COLUMNS, *_PUBLISHED[language]) + tuple(lines),
        _GOALS[language],
    )


def _gains(world: World, scores: dict[str, Scores], fold: np.ndarray) -> Table:
    """Paired differences of every model to the one it has to beat, where both were measured."""
    columns, tested = ("roc_auc", "pr_auc_low", "macro_f1"), fold >= 0
    lines = []
    for name, ours in scores.items():
        base = world.recipes[name].base
        if base is None or base not in scores:
            continue
        figures: dict[str, Estimate] = {
            column: difference(
                column,
                world.labels[tested],
                ours.probabilities[tested],
                scores[base].probabilities[tested],
                groups=world.groups[tested],
                folds=fold[tested],
            )
            for column in columns
        }
        lines.append(Line(f"{name} - {base}", OURS, figures))
    return Table("Paired differences on the same rows", columns, tuple(lines), "Only an interval above 0 is a gain.")
