"""Uploads of large files with Git LFS: what to send where, the bytes, and the check at the end.

One PUT for a file up to the hub's `part_bytes`; above, a PUT for each part and a POST that joins them.
"""

from typing import Any

from curation.hub.access import check_signature, check_write, signed
from curation.hub.blobs import blob_size, check_oid, join_parts, put_blob, put_part
from curation.hub.messages import Answer, RefusalError, Request, json_answer, pieces_of, text_of
from curation.hub.repos import Repo

NUM_OBJECTS_MAX = 1000


def batch(request: Request, repo: Repo) -> Answer:
    """Say for each object how to upload or download it."""
    asked = request.json()
    operation, objects = asked.get("operation"), asked.get("objects")
    if operation != "upload" or not isinstance(objects, list) or asked.get("hash_algo", "sha256") != "sha256":
        raise RefusalError(400, f"LFS serves uploads of sha256 objects, not {operation!r}; download by /resolve/")
    if len(objects) > NUM_OBJECTS_MAX or not all(isinstance(one, dict) for one in objects):
        raise RefusalError(400, f"LFS takes at most {NUM_OBJECTS_MAX} objects, each with oid and size")
    check_write(request.hub, repo, request.user)
    in_parts = "multipart" in asked.get("transfers", ["basic"])
    described = [_described(request, repo, one, in_parts=in_parts) for one in objects]
    multipart = any("chunk_size" in one.get("actions", {}).get("upload", {}).get("header", {}) for one in described)
    return _lfs_answer({"transfer": "multipart" if multipart else "basic", "objects": described})


def upload(request: Request, repo: Repo, oid: str) -> Answer:
    """Take the bytes of an object."""
    check_signature(request.hub, request.target)
    if request.headers.get("Content-Length", request.query["size"]) != request.query["size"]:
        raise RefusalError(400, f"{oid} has {request.query['size']} bytes, not {request.headers['Content-Length']}")
    put_blob(repo, pieces_of(request.body), oid=oid, size=int(request.query["size"]))
    return Answer()


def upload_part(request: Request, repo: Repo, oid: str, number: str) -> Answer:
    """Take one part of an object."""
    check_signature(request.hub, request.target)
    etag = put_part(repo, oid, int(number), pieces_of(request.body), size=int(request.query["size"]))
    return Answer(headers=(("ETag", f'"{etag}"'),))


def complete(request: Request, repo: Repo, oid: str) -> Answer:
    """Join the parts of an object."""
    check_signature(request.hub, request.target)
    asked, num_parts = request.json(), int(request.query["parts"])
    parts = asked.get("parts")
    if asked.get("oid") != oid or not isinstance(parts, list) or len(parts) != num_parts:
        raise RefusalError(400, f"{oid} has {num_parts} parts, which all have to be named")
    join_parts(repo, oid, num_parts=num_parts, size=int(request.query["size"]))
    return _lfs_answer({"success": True})


def verify(request: Request, repo: Repo) -> Answer:
    """Tell whether an object is there whole."""
    check_write(request.hub, repo, request.user)
    asked = request.json()
    oid, size = text_of(asked, "oid"), asked.get("size")
    check_oid(oid, size)
    if (stored := blob_size(repo, oid)) != size:
        raise RefusalError(404, f"{oid}: {size} bytes are expected, and there are {stored}")
    return _lfs_answer({"success": True})


def _described(request: Request, repo: Repo, wanted: dict[str, Any], *, in_parts: bool) -> dict[str, Any]:
    oid = text_of(wanted, "oid")
    size = check_oid(oid, wanted.get("size"))
    stored = blob_size(repo, oid)
    if stored is not None and stored != size:
        message = f"{oid} has {stored} bytes, not {size}"
        return {"oid": oid, "size": size, "error": {"code": 422, "message": message}}
    if stored is not None:
        return {"oid": oid, "size": size}
    part_bytes = request.hub.part_bytes
    action = (
        _in_parts(request, repo, oid, size) if in_parts and size > part_bytes else _at_once(request, repo, oid, size)
    )
    verified = {"href": f"{request.base}/{repo.key}.git/info/lfs/objects/verify"}
    return {"oid": oid, "size": size, "authenticated": True, "actions": {"upload": action, "verify": verified}}


def _at_once(request: Request, repo: Repo, oid: str, size: int) -> dict[str, Any]:
    return {"href": request.base + signed(request.hub, f"/uploads/{repo.key}/{oid}", {"size": size})}


def _in_parts(request: Request, repo: Repo, oid: str, size: int) -> dict[str, Any]:
    part_bytes = request.hub.part_bytes
    starts = range(0, size, part_bytes)
    path = f"/uploads/{repo.key}/{oid}"
    header = {"chunk_size": str(part_bytes)}
    for number, start in enumerate(starts, 1):
        values = {"size": min(part_bytes, size - start)}
        header[str(number)] = request.base + signed(request.hub, f"{path}/{number}", values)
    href = request.base + signed(request.hub, f"{path}/complete", {"size": size, "parts": len(starts)})
    return {"href": href, "header": header}


def _lfs_answer(value: Any) -> Answer:
    answer = json_answer(value)
    return Answer(headers=(("Content-Type", "application/vnd.git-lfs+json"),), body=answer.body)
