"""Who may do what: tokens for people, signatures for the addresses of uploads.

With tokens, a repository is written by the user whose name is its namespace, and read by that user alone when it
is private. Without, whoever sends any token is the user `local`, who may do everything.

The clients send no token along with the bytes of an upload, which on the Hub go to another host. The address
itself is the permission: it names the object, its size and a time, and nobody but the hub can sign it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from curation.hub import files
from curation.hub.messages import Hub, RefusalError
from curation.hub.repos import Repo, Settings, not_found, settings_of

OPEN_USER = "local"
UPLOAD_SECONDS = 24 * 3600


def user_of(tokens: tuple[tuple[str, str], ...], authorization: str | None) -> str | None:
    """Name of who sent a token; null without one."""
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        if not tokens:
            return OPEN_USER
        for name, known in tokens:
            if hmac.compare_digest(known.encode(), token.encode()):
                return name
    raise RefusalError(401, "Invalid credentials in Authorization header")


def check_read(hub: Hub, repo: Repo, user: str | None) -> Settings:
    """The settings of a repository that this user may read; any other is as good as not there."""
    settings = settings_of(repo)
    if settings is None or (settings.private and not _owns(hub, repo, user)):
        raise not_found(repo, user)
    return settings


def check_write(hub: Hub, repo: Repo, user: str | None) -> Settings:
    """The settings of a repository that this user may change."""
    settings = check_read(hub, repo, user)
    check_owner(hub, repo, user)
    return settings


def check_owner(hub: Hub, repo: Repo, user: str | None) -> None:
    """Refuse who may not write in a namespace."""
    if user is None:
        raise RefusalError(401, f"writing to {repo.key} takes a token: set HF_TOKEN")
    if not _owns(hub, repo, user):
        raise RefusalError(403, f"the token of {user} does not write to {repo.key}, only to {user}/...")


def read_secret(root: Path) -> bytes:
    """The key of signatures, made once, so that an upload survives a restart."""
    path = root / "secret"
    if not path.exists():
        files.write(root, path, secrets.token_bytes(32))
    return path.read_bytes()


def signed(hub: Hub, path: str, values: Mapping[str, int]) -> str:
    """Path and query of an address that carries its own permission."""
    query = urlencode({**values, "expires": int(time.time()) + UPLOAD_SECONDS})
    return f"{path}?{query}&signature={_signature(hub.secret, path, query)}"


def check_signature(hub: Hub, target: str) -> None:
    """Refuse an address that we did not sign, or whose time is over."""
    address, _, signature = target.partition("&signature=")
    path, _, query = address.partition("?")
    if not hmac.compare_digest(_signature(hub.secret, path, query).encode(), signature.encode()):
        raise RefusalError(403, "this address for an upload was not given out by this hub")
    if int(query.rpartition("expires=")[2]) < time.time():
        raise RefusalError(403, "this address for an upload has expired: ask for another one")


def _owns(hub: Hub, repo: Repo, user: str | None) -> bool:
    return user is not None and (not hub.tokens or user == repo.namespace)


def _signature(secret: bytes, path: str, query: str) -> str:
    return hmac.new(secret, f"{path}?{query}".encode(), hashlib.sha256).hexdigest()
