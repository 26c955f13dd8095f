"""What /api/ answers about the files of a revision."""

from itertools import islice
from urllib.parse import parse_qs

from curation.hub.access import check_read
from curation.hub.api import next_page
from curation.hub.commits import read_commit
from curation.hub.messages import JSON_BYTES_MAX, Answer, RefusalError, Request, json_answer
from curation.hub.refs import resolve
from curation.hub.repos import Repo
from curation.hub.trees import is_below, node_at, nodes, with_last_commits

PAGE_FILES = 1000
PAGE_EXPANDED = 50
PATHS_MAX = 1000


def tree(request: Request, repo: Repo, revision: str, path: str = "") -> Answer:
    """List a folder, in pages."""
    check_read(request.hub, repo, request.user)
    oid = resolve(repo, revision)
    found = read_commit(repo, oid).files
    if path and not any(is_below(one, path) for one in found):
        raise RefusalError(404, f"{repo.key} has no folder {path!r} at {revision}", code="EntryNotFound")
    expand = _is_true(request.query.get("expand"))
    is_recursive = _is_true(request.query.get("recursive"))
    listed = nodes(found, path, recursive=is_recursive, after=request.query.get("cursor", ""))
    page = list(islice(listed, PAGE_EXPANDED if expand else PAGE_FILES))
    cursor = page[-1]["path"] if next(listed, None) else None
    shown = with_last_commits(repo, oid, page) if expand else page
    return json_answer(shown, headers=next_page(request, cursor))


def paths_info(request: Request, repo: Repo, revision: str) -> Answer:
    """Describe the files and folders that were asked for, as far as they are there."""
    check_read(request.hub, repo, request.user)
    oid = resolve(repo, revision)
    found = read_commit(repo, oid).files
    asked = _form(request)
    paths = asked.get("paths", [])
    if len(paths) > PATHS_MAX:
        raise RefusalError(413, f"at most {PATHS_MAX} paths are described at once")
    listed = [node for path in paths if (node := node_at(found, path))]
    expand = _is_true(asked.get("expand", [""])[0])
    return json_answer(with_last_commits(repo, oid, listed) if expand else listed)


def _form(request: Request) -> dict[str, list[str]]:
    """The fields of a form, or of a JSON object in its place."""
    if "json" in request.headers.get("Content-Type", ""):
        asked = request.json()
        paths = asked.get("paths", [])
        return {"paths": [str(path) for path in paths], "expand": [str(asked.get("expand", ""))]}
    data = request.body.read(JSON_BYTES_MAX)
    return parse_qs(data.decode(errors="replace"), keep_blank_values=True)


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")
