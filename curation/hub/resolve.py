"""Downloads: the bytes of a file at a revision, whole or in part, with the headers that the clients read."""

import re

from curation.hub.access import check_read
from curation.hub.blobs import blob_path
from curation.hub.commits import Entry, read_commit
from curation.hub.messages import Answer, Headers, Part, RefusalError, Request
from curation.hub.refs import resolve
from curation.hub.repos import Repo

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def download(request: Request, repo: Repo, revision: str, path: str) -> Answer:
    """Send a file, or the range of it that was asked for."""
    check_read(request.hub, repo, request.user)
    oid = resolve(repo, revision)
    entry = read_commit(repo, oid).files.get(path)
    if entry is None:
        at = (("X-Repo-Commit", oid),)
        raise RefusalError(404, f"{repo.key} has no {path!r} at {revision}", code="EntryNotFound", headers=at)
    headers = _headers(entry, oid)
    start, end = _range(request, entry)
    part = Part(blob_path(repo, entry.sha256), start, end - start)
    if (start, end) == (0, entry.size):
        return Answer(200, headers, part=part)
    return Answer(206, (*headers, ("Content-Range", f"bytes {start}-{end - 1}/{entry.size}")), part=part)


def _headers(entry: Entry, commit: str) -> Headers:
    linked = (("X-Linked-Size", str(entry.size)), ("X-Linked-Etag", f'"{entry.etag}"')) if entry.lfs else ()
    return (
        ("ETag", f'"{entry.etag}"'),
        ("X-Repo-Commit", commit),
        ("Accept-Ranges", "bytes"),
        # Never as a page: a file of a repository must not run in a browser with our address.
        ("Content-Type", "application/octet-stream" if entry.lfs else "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        *linked,
    )


def _range(request: Request, entry: Entry) -> tuple[int, int]:
    """First byte and the one after the last; a header that we do not understand asks for all (RFC 9110, 14.2)."""
    found = RANGE.fullmatch(request.headers.get("Range", ""))
    etag = f'"{entry.etag}"'
    if not found or found.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return 0, entry.size
    first, last = found.groups()
    start = int(first) if first else max(0, entry.size - int(last))
    end = min(entry.size, int(last) + 1) if first and last else entry.size
    if start >= end:
        size = (("Content-Range", f"bytes */{entry.size}"),)
        raise RefusalError(416, f"{request.headers['Range']} of {entry.size} bytes is nothing", headers=size)
    return start, end
