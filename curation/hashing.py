"""Identities: 128-bit hashes as 32 hex characters, equal on every machine and in every run.

`record_id`, `prompt_id` and `sample_id` are made here and nowhere else; the seams of
docs/decisions/0001-identity.md say what goes into each.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any


def digest(*parts: str) -> str:
    """Hash a sequence of strings, each kept apart from the next, to 32 hex characters.

    Example:
        >>> digest("ab", "c") == digest("a", "bc")
        False
    """
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return hasher.hexdigest()


def digest_json(value: Any) -> str:
    """Hash a JSON-like value, whatever the order of its keys."""
    return digest(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


def fold(text: str) -> str:
    r"""Normalize to NFC and fold each run of white space to one space.

    Example:
        >>> fold(" What\\n is  7? ")
        'What is 7?'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def record_id(source: str, own_id: str) -> str:
    """Identity of a source's record; `own_id` is the source's own id, else content and occurrence number."""
    return digest("record", source, own_id)


def prompt_id(messages: Sequence[Mapping[str, str]]) -> str:
    """Identity of a prompt: its messages' roles and folded contents."""
    parts = [part for message in messages for part in (message["role"], fold(message["content"]))]
    return digest("prompt", *parts)


def sample_id(prompt: str, teacher_digest: str, sample_index: int) -> str:
    """Identity of a sample: the prompt's id, the digest of the teacher's settings and the index."""
    return digest("sample", prompt, teacher_digest, str(sample_index))


def brought_sample_id(prompt: str, tag: str, rank: int) -> str:
    """Identity of a sample that a source brought: its response tag stands for the teacher's settings."""
    return sample_id(prompt, digest("tag", tag), rank)
