"""The question before an upload: which files go through LFS, and which are there already."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from curation.hub.access import check_write
from curation.hub.commits import Entry, read_commit
from curation.hub.messages import Answer, RefusalError, Request, json_answer, text_of
from curation.hub.refs import resolve
from curation.hub.repos import Repo
from curation.hub.trees import check_path

REGULAR_BYTES_MAX = 10 << 20
LFS_SUFFIXES = (
    "7z", "arrow", "bin", "bz2", "gz", "h5", "npy", "npz", "parquet", "pkl", "pt", "rar", "safetensors", "tar", "tgz",
    "wav", "xz", "zip", "zst",
)  # fmt: skip
GITATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)


def preupload(request: Request, repo: Repo, revision: str) -> Answer:
    """Say for each file how it is to be sent."""
    check_write(request.hub, repo, request.user)
    known = read_commit(repo, resolve(repo, revision)).files
    asked = request.json().get("files")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise RefusalError(400, "the question before an upload has a list of objects under 'files'")
    return json_answer({"files": [_described(one, known) for one in asked]})


def _described(asked: Mapping[str, Any], known: Mapping[str, Entry]) -> dict[str, Any]:
    path, size = check_path(text_of(asked, "path")), asked.get("size")
    if not isinstance(size, int):
        raise RefusalError(400, f"the size of {path!r} is a number of bytes, not {size!r}")
    mode = "lfs" if _is_for_lfs(path, size, _sample(asked)) else "regular"
    described = {"path": path, "uploadMode": mode, "shouldIgnore": False}
    return {**described, "oid": known[path].etag} if path in known else described


def _is_for_lfs(path: str, size: int, sample: bytes) -> bool:
    return size > REGULAR_BYTES_MAX or PurePosixPath(path).suffix[1:].lower() in LFS_SUFFIXES or b"\0" in sample


def _sample(asked: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(text_of(asked, "sample", ""), validate=True)
    except binascii.Error as error:
        raise RefusalError(400, f"the sample of {asked['path']!r} is not base64: {error}") from error
