"""Check what the docs say against the project; `--write` renews the data dictionary.

Fails on: a dead link or anchor in a Markdown file, a `make` verb or `profiling` command that does not exist, a setting that the
README's table lacks or invents, a data dictionary that is not what the schemas say.
"""

import re
import subprocess
import sys
from pathlib import Path

from typer.main import get_command

from profiling import schemas
from profiling.__main__ import app
from profiling.rights.export import PURPOSES, UNATTRIBUTED
from profiling.rights.retention import FOLLOWING
from profiling.settings import FOREIGN, PREFIX, RETENTION_DAYS, Settings

ROOT = Path(__file__).parent.parent
DICTIONARY = ROOT / "docs" / "data-dictionary.md"
PRIVACY = ROOT / "docs" / "privacy.md"
HELD, HELD_END = "<!-- made by scripts/check_docs.py --write -->", "<!-- end -->"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def data_dictionary() -> str:
    """The tables and their columns as a Markdown page."""
    lines = [
        "# Data dictionary",
        "",
        "Made from `profiling/schemas.py` by `python scripts/check_docs.py --write`; `make check` fails when it is out of date.",
        "Personal columns (P) hold or point to a person; protected ones (!) are never a feature by default.",
        "",
    ]
    for table in schemas.TABLES.values():
        lines += [f"## {table.name}", "", table.grain + (f" {table.notes}" if table.notes else ""), ""]
        partition = f"partitioned by `{table.partition}`" if table.partition else "not partitioned"
        lines += [f"Key: {', '.join(f'`{name}`' for name in table.key)}; {partition}.", ""]
        lines += ["| column | type | unit | | meaning |", "| --- | --- | --- | --- | --- |"]
        for column in table.columns:
            marks = "P" * column.is_personal + "!" * column.is_protected
            kind = f"{column.type}{', may be null' if column.is_nullable else ''}"
            lines.append(f"| `{column.name}` | {kind} | {column.unit} | {marks} | {column.meaning} |")
        lines.append("")
    return "\n".join(lines)


def held_table() -> str:
    """The block of `docs/privacy.md` that says what is held of a person, why, and how long."""
    following = dict.fromkeys((*FOLLOWING, "attributes", "identity_links", "fact_corrections"), "interactions")
    longer = {"identity_links": ", and as long as a profile shows the customer, in the table or published"}
    following |= dict.fromkeys(("activity_state", "text_state", "facts_state"), "checkpoints")
    lines = ["| table | one row | personal columns | why it is held | kept |", "| --- | --- | --- | --- | --- |"]
    for table in schemas.TABLES.values():
        personal = [f"`{column.name}`" for column in table.columns if column.is_personal]
        if personal:
            days = RETENTION_DAYS.get(following.get(table.name, table.name))
            why = PURPOSES.get(table.name) or UNATTRIBUTED.get(table.name) or table.notes
            kept = f"{days} days{longer.get(table.name, '')}" if days else "for ever"
            grain = table.grain.rstrip(".").replace("|", "\\|")
            lines.append(f"| `{table.name}` | {grain} | {', '.join(personal)} | {why} | {kept} |")
    return "\n".join(lines)


def with_held_table(page: str) -> str:
    """The page with the block between its marks made anew."""
    before, _, rest = page.partition(f"{HELD}\n")
    _, _, after = rest.partition(f"\n{HELD_END}")
    return f"{before}{HELD}\n\n{held_table()}\n\n{HELD_END}{after}"


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_links(files: list[Path]) -> list[str]:
    """Relative links that lead nowhere."""
    faults = []
    for file in files:
        for link in LINK.findall(FENCE.sub("", file.read_text())):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (file.parent / path).resolve() if path else file
            if not target.exists():
                faults.append(f"{file.relative_to(ROOT)}: {link} does not exist")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                faults.append(f"{file.relative_to(ROOT)}: {link} has no such heading")
    return faults


def unknown_commands(files: list[Path]) -> list[str]:
    """`make` verbs and `profiling` commands that are named and do not exist."""
    verbs = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    faults = []
    for file in files:
        code = "\n".join(re.findall(r"`([^`\n]+)`", file.read_text()) + FENCE.findall(file.read_text()))
        for tool, known in (("make", verbs), ("profiling", commands)):
            named = set(re.findall(rf"(?:^|[\s`$]){tool} ([a-z][a-z-]*)", code, re.M))
            faults += [f"{file.relative_to(ROOT)}: `{tool} {name}` does not exist" for name in sorted(named - known)]
    return faults


def settings_table() -> list[str]:
    """Settings that the README does not name, or that it invents."""
    named = set(re.findall(rf"{PREFIX}([A-Z0-9_]+)", (ROOT / "README.md").read_text()))
    named -= FOREIGN
    known = {name.upper() for name in Settings.model_fields}
    return [f"README.md: {PREFIX}{name} is missing or unknown" for name in sorted(named ^ known)]


def main() -> int:
    if "--write" in sys.argv:
        DICTIONARY.write_text(data_dictionary())
        PRIVACY.write_text(with_held_table(PRIVACY.read_text()))
    tracked = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in tracked.stdout.split()]
    faults = [*dead_links(files), *unknown_commands(files), *settings_table()]
    if not DICTIONARY.exists() or DICTIONARY.read_text() != data_dictionary():
        faults.append("docs/data-dictionary.md is out of date: run python scripts/check_docs.py --write")
    if PRIVACY.read_text() != with_held_table(PRIVACY.read_text()):
        faults.append("docs/privacy.md is out of date: run python scripts/check_docs.py --write")
    print("\n".join(faults) if faults else f"docs: {len(files)} pages, no dead links")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
