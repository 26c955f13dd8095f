"""What /api/ answers about users, repositories, branches, tags and commits."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import yaml

from curation.hub import changes, files
from curation.hub.access import check_owner, check_read, check_write
from curation.hub.blobs import put_blob
from curation.hub.commits import Commit, history, read_commit, regular_entry, write_commit
from curation.hub.messages import Answer, Headers, RefusalError, Request, json_answer, text_of
from curation.hub.preupload import GITATTRIBUTES
from curation.hub.refs import HEADS, MAIN, TAGS, add_ref, all_refs, delete_ref, resolve, write_ref
from curation.hub.repos import (
    Repo,
    Settings,
    all_repos,
    delete_repo,
    now,
    repo_named,
    settings_of,
    write_settings,
)
from curation.hub.trees import file_node

PAGE_COMMITS = 1000


def whoami(request: Request) -> Answer:
    """Tell whose token this is."""
    if request.user is None:
        raise RefusalError(401, "whoami takes a token: set HF_TOKEN")
    token = {"type": "access_token", "accessToken": {"displayName": request.user, "role": "write"}}
    name = {"type": "user", "id": request.user, "name": request.user, "fullname": request.user}
    return json_answer({**name, "orgs": [], "auth": token})


def validate_yaml(request: Request) -> Answer:
    """Say whether the metadata of a dataset card can be read."""
    _, fence, rest = text_of(request.json(), "content").partition("---\n")
    try:
        yaml.safe_load(rest.partition("\n---")[0] if fence else "")
    except yaml.YAMLError as error:
        return json_answer({"errors": [{"message": str(error)}], "warnings": []}, status=400)
    return json_answer({"errors": [], "warnings": []})


def create_repo(request: Request) -> Answer:
    """Make a repository with its first commit; repo.json comes last and makes it visible."""
    asked = request.json()
    repo = _repo_in(request, asked)
    check_owner(request.hub, repo, request.user)
    is_private = asked.get("visibility") == "private" or asked.get("private") is True
    url = f"{request.base}{_page(repo)}"
    with files.locked(repo.root, repo.key):
        if settings_of(repo) is not None:
            return json_answer({"error": f"{repo.key} exists already", "url": url}, status=409)
        data = GITATTRIBUTES.encode()
        first = {".gitattributes": regular_entry(put_blob(repo, [data]), data)}
        oid = write_commit(repo, Commit(None, "initial commit", "", request.user or "", now(), first))
        write_ref(repo, HEADS, MAIN, oid)
        write_settings(repo, Settings(private=is_private, created=now()))
    return json_answer({"url": url, "name": repo.id})


def remove_repo(request: Request) -> Answer:
    """Delete a repository with all that was ever in it."""
    repo = _repo_in(request, request.json())
    check_write(request.hub, repo, request.user)
    delete_repo(repo)
    return Answer()


def change_settings(request: Request, repo: Repo) -> Answer:
    """Make a repository private or public."""
    settings = check_write(request.hub, repo, request.user)
    asked = request.json()
    visibility = asked.get("visibility", "private" if asked.get("private") else "public")
    if asked.get("gated") or visibility not in ("private", "public"):
        raise RefusalError(400, f"a repository is private or public here, not gated and not {visibility!r}")
    with files.locked(repo.root, repo.key):
        write_settings(repo, Settings(private=visibility == "private", created=settings.created))
    return json_answer({"private": visibility == "private"})


def check_access(request: Request, repo: Repo) -> Answer:
    """Answer whether the repository can be read."""
    check_read(request.hub, repo, request.user)
    return json_answer({})


def list_repos(request: Request, kind: str) -> Answer:
    """Describe the repositories that this user may see."""
    listed = []
    for repo in all_repos(request.hub.root, kind):
        is_wanted = request.query.get("search", "").lower() in repo.id.lower()
        if is_wanted and request.query.get("author", repo.namespace) == repo.namespace:
            try:
                listed.append(_described(request, repo, MAIN))
            except RefusalError as refusal:
                if refusal.code != "RepoNotFound":
                    raise
    return json_answer(listed)


def repo_info(request: Request, repo: Repo, revision: str = MAIN) -> Answer:
    """Describe a repository at a revision."""
    return json_answer(_described(request, repo, revision))


def list_refs(request: Request, repo: Repo) -> Answer:
    """List branches and tags."""
    check_read(request.hub, repo, request.user)
    listed = {
        key: [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}
            for name, commit in all_refs(repo, kind).items()
        ]
        for key, kind in (("branches", HEADS), ("tags", TAGS))
    }
    return json_answer({**listed, "converts": [], "pullRequests": []})


def create_branch(request: Request, repo: Repo, branch: str) -> Answer:
    """Start a branch at a revision."""
    check_write(request.hub, repo, request.user)
    start = text_of(request.json(), "startingPoint", MAIN)
    add_ref(repo, HEADS, branch, resolve(repo, start))
    return json_answer({})


def create_tag(request: Request, repo: Repo, revision: str) -> Answer:
    """Give a revision a name that it keeps."""
    check_write(request.hub, repo, request.user)
    add_ref(repo, TAGS, text_of(request.json(), "tag"), resolve(repo, revision))
    return json_answer({})


def delete_branch(request: Request, repo: Repo, branch: str) -> Answer:
    """Remove a branch."""
    check_write(request.hub, repo, request.user)
    delete_ref(repo, HEADS, branch)
    return json_answer({})


def delete_tag(request: Request, repo: Repo, tag: str) -> Answer:
    """Remove a tag."""
    check_write(request.hub, repo, request.user)
    delete_ref(repo, TAGS, tag)
    return json_answer({})


def commit(request: Request, repo: Repo, revision: str) -> Answer:
    """Put a commit on a branch."""
    check_write(request.hub, repo, request.user)
    if request.query.get("create_pr"):
        raise RefusalError(400, "this hub has no pull requests: commit to a branch")
    oid = changes.commit(repo, revision, request.body, request.user or "")
    url = f"{request.base}{_page(repo)}/commit/{oid}"
    return json_answer({"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})


def list_commits(request: Request, repo: Repo, revision: str) -> Answer:
    """List the commits that led to a revision, the newest first."""
    check_read(request.hub, repo, request.user)
    start = request.query.get("cursor") or resolve(repo, revision)
    commits = history(repo, resolve(repo, start))
    listed = [_commit_node(oid, one) for oid, one in islice(commits, PAGE_COMMITS)]
    return json_answer(listed, headers=next_page(request, next((oid for oid, _ in commits), None)))


def next_page(request: Request, cursor: str | None) -> Headers:
    """The header that leads to the rest of a list, when there is one."""
    if cursor is None:
        return ()
    path = request.target.partition("?")[0]
    query = urlencode({**request.query, "cursor": cursor})
    return (("Link", f'<{request.base}{path}?{query}>; rel="next"'),)


def _repo_in(request: Request, asked: dict[str, Any]) -> Repo:
    """The repository that a body names: of its user, when it names no organization."""
    namespace = asked.get("organization") or request.user
    if namespace is None:
        raise RefusalError(401, "a repository without a namespace takes a token: set HF_TOKEN")
    kind = f"{asked.get('type') or 'model'}s"
    return repo_named(request.hub.root, kind, str(namespace), text_of(asked, "name"))


def _page(repo: Repo) -> str:
    return f"/{repo.id}" if repo.kind == "models" else f"/{repo.key}"


def _described(request: Request, repo: Repo, revision: str) -> dict[str, Any]:
    settings = check_read(request.hub, repo, request.user)
    oid = resolve(repo, revision)
    found = read_commit(repo, oid)
    return {
        "id": repo.id,
        "author": repo.namespace,
        "sha": oid,
        "private": settings.private,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "createdAt": settings.created,
        "lastModified": found.date,
        "siblings": list(_siblings(found, with_blobs=bool(request.query.get("blobs")))),
    }


def _siblings(found: Commit, *, with_blobs: bool) -> Iterator[dict[str, Any]]:
    for path, entry in found.files.items():
        if not with_blobs:
            yield {"rfilename": path}
            continue
        node = file_node(path, entry)
        lfs = {"lfs": {**node["lfs"], "sha256": entry.sha256}} if entry.lfs else {}
        yield {"rfilename": path, "blobId": entry.oid, "size": entry.size, **lfs}


def _commit_node(oid: str, one: Commit) -> dict[str, Any]:
    return {
        "id": oid,
        "title": one.title,
        "message": one.message,
        "authors": [{"user": one.author}],
        "date": one.date,
    }
