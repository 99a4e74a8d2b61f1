"""CHANGELOG.md in the form of Keep a Changelog 1.1.0; a recall that moved is told from what to what."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from gsv_pipeline import __version__

REPOSITORY = Path(__file__).parents[1]
TEXT = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
UNRELEASED = "Unreleased"
VERSION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$")


def faults(text: str, *, version: str, repository: str | None) -> list[str]:
    """What is wrong with a changelog.

    Args:
        text: Of the file.
        version: Of the package.
        repository: Its address, if one is known: then every version has a reference of its own.
    """
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    lines = [section.splitlines()[0] for section in sections]
    released = [match for line in lines if (match := VERSION.match(line))]
    found = [f"no version: {line}" for line in lines[1:] if not VERSION.match(line)]
    found += [] if head.startswith("# Changelog\n") and lines[:1] == [f"## [{UNRELEASED}]"] else ["no beginning"]
    numbers = [tuple(map(int, match[1].split("."))) for match in released]
    days = [date.fromisoformat(match[2]) for match in released]
    if numbers != sorted(set(numbers), reverse=True) or days != sorted(days, reverse=True):
        found.append("versions do not go down")
    if released and released[0][1] != version:
        found.append(f"{released[0][1]} is the newest one, the package is {version}")
    if not released and "Nothing has been released yet" not in head:
        found.append("it does not say that nothing was released")
    references = set(re.findall(r"^\[([^\]]+)\]: https://", text, flags=re.MULTILINE))
    wanted = {UNRELEASED, *(match[1] for match in released)} if repository else set()
    found += [] if references == wanted else [f"references {sorted(references)}, not {sorted(wanted)}"]
    return found + [fault for section in sections for fault in _faults_of_section(section)]


def _faults_of_section(section: str) -> list[str]:
    _, *parts = re.split(r"^### (.+)\n", re.sub(r"^\[.+$", "", section, flags=re.MULTILINE), flags=re.MULTILINE)
    names, bodies = parts[::2], parts[1::2]
    in_order = sorted(set(names), key=lambda name: KINDS.index(name) if name in KINDS else -1)
    found = [] if names == in_order and set(names) <= set(KINDS) else [f"headings {names}"]
    for name, body in zip(names, bodies, strict=True):
        inside = body.strip("\n")
        found += [f"an empty line under {name}"] * ("\n\n" in inside) + [f"no list under {name}"] * (inside[:2] != "- ")
        for entry in re.split(r"^- ", inside, flags=re.MULTILINE)[1:]:
            moves = re.search(r"R@\d+", entry) and re.search(r"\bfrom \d", entry)
            if moves and not re.search(r"\bfrom \d+\.\d to \d+\.\d\b", entry):
                found.append(f"from what to what: {entry}")
    return found


def repository_address() -> str | None:
    """Of the package's metadata."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls: dict[str, str] = project.get("urls", {})
    return urls.get("Repository") or urls.get("Source")


def test_the_changelog_has_no_fault() -> None:
    assert faults(TEXT, version=__version__, repository=repository_address()) == []
    assert re.search(r"R@1 .* from \d\d\.\d to \d\d\.\d", TEXT)


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("\n- `demo` source", "\n\n- `demo` source", "an empty line under Added"),
        ("### Changed", "### Improved", "headings"),
        ("### Added", "### Security", "headings"),
        ("from 82.0 to 82.4", "from 82.0", "from what to what"),
        ("## [Unreleased]", "## Unreleased", "no beginning"),
        ("Nothing has been released yet", "Soon", "nothing was released"),
        ("### Changed", "## [0.2.0] - 2026-01-01\n\n### Changed", "0.2.0 is the newest one"),
        ("### Changed", "## [0.1.0]\n\n### Changed", "no version"),
        ("### Changed", "## [0.1.0] - 2026-01-01\n\n## [0.2.0] - 2025-01-01\n\n### Changed", "do not go down"),
        ("### Changed", "[Unreleased]: https://example.org\n\n### Changed", "references"),
    ],
)
def test_a_fault_is_seen(good: str, bad: str, fault: str) -> None:
    assert good in TEXT
    spoiled = faults(TEXT.replace(good, bad, 1), version=__version__, repository=None)
    assert any(fault in one for one in spoiled), spoiled


def test_a_known_repository_wants_references() -> None:
    assert any("references" in one for one in faults(TEXT, version=__version__, repository="https://example.org"))
