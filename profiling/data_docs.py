"""Great Expectations' Data Docs of a day: a page for each suite, made of the reports in the ledger, for whoever knows them.

The pages are the library's own, of its own renderer, with two differences. They show counts and no cell's value, because the
reports hold none. And they load nothing: the library's pages fetch styles, scripts and a logo from other hosts, who would learn
who reads them and when; without these they are the same everywhere and their bytes follow from the reports alone.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from profiling.quality import FAIL, expectations

logger = logging.getLogger(__name__)

_STYLE = """<style>
body { margin: 0; padding: 1rem; font: 15px/1.5 system-ui, sans-serif; color-scheme: light dark; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-top: 1px solid #8886; }
.alert, .card { border: 1px solid #8886; border-radius: .4rem; padding: .5rem .8rem; margin: .8rem 0; }
.sticky .card:first-child { display: none; }
.badge { border: 1px solid #8886; border-radius: .3rem; padding: 0 .3rem; margin-right: .2rem; }
.fa-check-circle::before { content: "\\2713 held"; color: #1d6b3c; }
.fa-times::before { content: "\\2717 broken"; color: #b3261e; }
.fa-exclamation-triangle::before { content: "! not computed"; color: #96590a; }
</style>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""
_SCRIPT_OR_STYLE = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"<link\b[^>]*>", re.IGNORECASE)
_HEAD_AND_FOOT = re.compile(
    r'<nav class="navbar navbar-expand.*?</nav>\s*</div>\s*</nav>|<footer>.*?</footer>', re.DOTALL
)
_TO_THE_SUITE = re.compile(r'<a href="\.\./[^"]*"\s*>(.*?)</a>', re.DOTALL)
_BLANK = re.compile(r"\n\s*\n+")


def data_docs(reports: Mapping[str, Mapping[str, Any]], day: str) -> dict[str, str]:
    """The pages of a day, HTML by suite.

    Args:
        reports: by stage, what it keeps in the ledger: `suites`, a list of `quality.Report` as dictionaries.
        day: YYYY-MM-DD.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    renderer, view = ValidationResultsPageRenderer(run_info_at_end=True), DefaultJinjaPageView()
    pages = {}
    for stage, report in ((name, suite) for name in sorted(reports) for suite in reports[name]["suites"]):
        asked = expectations(report["suite"])
        if [entry["type"] for entry in asked] == [result["expectation"] for result in report["results"]]:
            pages[report["suite"]] = _alone(view.render(renderer.render(_validation(stage, report, asked, day))))
        else:
            logger.warning("no Data Docs of %s: its suite was edited since the day's gate", report["suite"])
    return pages


def _validation(stage: str, report: Mapping[str, Any], asked: Sequence[Mapping[str, Any]], day: str) -> Any:
    """A report and what its suite asks, in the library's form."""
    from great_expectations.core import ExpectationSuiteValidationResult

    results = list(_results(report, asked))
    held = sum(result.success for result in results)
    return ExpectationSuiteValidationResult(
        success=report["is_passed"],
        results=results,
        suite_name=report["suite"],
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": held,
            "unsuccessful_expectations": len(results) - held,
            "success_percent": 100.0 * held / len(results) if results else None,
        },
        meta={"run_id": {"run_name": stage, "run_time": f"{day}T00:00:00+00:00"}},
    )


def _results(report: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    for result, entry in zip(report["results"], asked, strict=True):
        observed = result["observed"]
        yield ExpectationValidationResult(
            success=result["success"],
            expectation_config=ExpectationConfiguration(
                type=result["expectation"],
                kwargs=entry["kwargs"],
                severity=FailureSeverity.CRITICAL if result["severity"] == FAIL else FailureSeverity.WARNING,
            ),
            result={
                "element_count": report["rows"],
                "unexpected_count": result["unexpected_count"],
                "unexpected_percent": result["unexpected_percent"],
                "observed_value": float(observed)
                if isinstance(observed, float)
                else observed,  # NumPy's is not printed
            },
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        )


def _alone(page: str) -> str:
    """The page without what it would load, and without links to pages that are not there."""
    for pattern in (_SCRIPT_OR_STYLE, _LINK, _HEAD_AND_FOOT):
        page = pattern.sub("", page)
    page = _BLANK.sub("\n", _TO_THE_SUITE.sub(r"\1", page))
    return page.replace("</head>", f"{_STYLE}</head>", 1)
