"""Under which licence a release stands: the strictest of its sources', as the Hub names it, and never a guess."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# SPDX's name and the Hub's, from free to strict; one that is not listed counts as stricter than all.
LICENCES = (
    ("CC0-1.0", "cc0-1.0"),
    ("MIT", "mit"),
    ("Apache-2.0", "apache-2.0"),
    ("ODC-By-1.0", "odc-by"),
    ("CC-BY-4.0", "cc-by-4.0"),
    ("CC-BY-SA-4.0", "cc-by-sa-4.0"),
    ("CC-BY-NC-4.0", "cc-by-nc-4.0"),
    ("CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0"),
)
OTHER = "other"
NAMES = tuple(name for name, _ in LICENCES)
LICENCE_FILE = "LICENSE.md"
"""What the licences are, in a release that stands under none of the listed ones alone."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9.]+")


def strictest_licence(licences: Sequence[str]) -> str:
    """SPDX's name of the strictest of some licences; `other` where one is not known, or there is none.

    Example:
        >>> strictest_licence(["MIT", "CC-BY-NC-4.0", "Apache-2.0"])
        'CC-BY-NC-4.0'
    """
    if not licences or any(licence not in NAMES for licence in licences):
        return OTHER
    return NAMES[max(NAMES.index(licence) for licence in licences)]


def hub_licence(licences: Sequence[str]) -> dict[str, str]:
    """The keys of a card's front matter that tell the licence; `other` has a name, and the file that explains it.

    Example:
        >>> hub_licence(["MIT", "Somebody's own"])
        {'license': 'other', 'license_name': 'somebody-s-own', 'license_link': 'LICENSE.md'}
    """
    strictest = strictest_licence(licences)
    if strictest != OTHER:
        return {"license": dict(LICENCES)[strictest]}
    unlisted = sorted({_NOT_IN_A_NAME.sub("-", name.lower()).strip("-") for name in licences if name not in NAMES})
    return {"license": OTHER, "license_name": "-and-".join(unlisted) or "no-source", "license_link": LICENCE_FILE}


def licence_text(sources: Sequence[Mapping[str, Any]]) -> str:
    """The text of LICENSE.md: which source is under which licence.

    Args:
        sources: As a manifest has them. Reads `name`, `licence`.
    """
    lines = [f"- `{source['name']}`: {source['licence']}" for source in sources] or ["- There is none: no row is here."]
    told = "Each row stands under the licence of its source; the sources of this release are under these:"
    return "\n".join(["# Licences", "", told, "", *lines]) + "\n"
