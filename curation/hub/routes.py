"""Which function answers which request: one tuple, looked through from the top.

Patterns are matched against the path as it was sent, so that a quoted slash stays part of a name; their groups are
unquoted and passed on. `kind`, `namespace` and `name` become the repository.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from curation.hub import api, lfs, listings, resolve, xet
from curation.hub.messages import Answer, RefusalError, Request
from curation.hub.preupload import preupload
from curation.hub.repos import repo_named

NAMED = r"(?P<namespace>[^/]+)/(?P<name>[^/]+?)"
API = rf"/api/(?P<kind>datasets|models)/{NAMED}"
PAGE = rf"(?:/(?P<kind>datasets))?/{NAMED}"
UPLOADS = rf"/uploads/(?P<kind>datasets|models)/{NAMED}/(?P<oid>[0-9a-f]{{64}})"
REVISION = r"(?P<revision>[^/]+)"

ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/api/whoami-v2", api.whoami),
    ("POST", "/api/validate-yaml", api.validate_yaml),
    ("POST", "/api/repos/create", api.create_repo),
    ("DELETE", "/api/repos/delete", api.remove_repo),
    ("GET", "/api/(?P<kind>datasets|models)", api.list_repos),
    ("GET", API, api.repo_info),
    ("GET", f"{API}/revision/{REVISION}", api.repo_info),
    ("PUT", f"{API}/settings", api.change_settings),
    ("GET", f"{API}/auth-check", api.check_access),
    ("GET", f"{API}/refs", api.list_refs),
    ("POST", f"{API}/branch/(?P<branch>[^/]+)", api.create_branch),
    ("DELETE", f"{API}/branch/(?P<branch>[^/]+)", api.delete_branch),
    ("POST", f"{API}/tag/{REVISION}", api.create_tag),
    ("DELETE", f"{API}/tag/(?P<tag>[^/]+)", api.delete_tag),
    ("GET", f"{API}/commits/{REVISION}", api.list_commits),
    ("GET", f"{API}/tree/{REVISION}", listings.tree),
    ("GET", f"{API}/tree/{REVISION}/(?P<path>.*)", listings.tree),
    ("POST", f"{API}/paths-info/{REVISION}", listings.paths_info),
    ("POST", f"{API}/preupload/{REVISION}", preupload),
    ("POST", f"{API}/commit/{REVISION}", api.commit),
    ("GET", f"{API}/xet-write-token/{REVISION}", xet.write_token),
    ("POST", rf"{PAGE}\.git/info/lfs/objects/batch", lfs.batch),
    ("POST", rf"/(?P<kind>datasets|models)/{NAMED}\.git/info/lfs/objects/verify", lfs.verify),
    ("PUT", UPLOADS, lfs.upload),
    ("PUT", rf"{UPLOADS}/(?P<number>[1-9][0-9]*)", lfs.upload_part),
    ("POST", f"{UPLOADS}/complete", lfs.complete),
    ("GET", f"{PAGE}/resolve/{REVISION}/(?P<path>.+)", resolve.download),
)


def answer(request: Request, method: str) -> Answer:
    """Find the function for a request and call it; HEAD is GET, of which the body is not sent."""
    path = request.target.partition("?")[0]
    wanted = "GET" if method == "HEAD" else method
    for known, pattern, function in ROUTES:
        if known == wanted and (found := re.fullmatch(pattern, path)):
            return function(request, **_arguments(request, found.groupdict()))
    raise RefusalError(404, f"this hub does not answer {method} {path}")


def _arguments(request: Request, groups: dict[str, str | None]) -> dict[str, object]:
    values = {name: unquote(value) for name, value in groups.items() if value is not None}
    if "name" not in values:
        return dict(values)
    kind, namespace, name = values.pop("kind", "models"), values.pop("namespace"), values.pop("name")
    return {"repo": repo_named(request.hub.root, kind, namespace, name), **values}
