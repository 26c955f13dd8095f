"""What must not be seen is not published."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation import params as params_module
from curation.errors import DataError
from curation.freeze import read_manifest
from curation.publishable import check_publishable
from tests.curation.release_folders import chats, write_release

PARAMS = params_module.load()
DATASET = "am-40m"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_valid_release_may_be_seen():
    check_publishable(DATASET, read_manifest(write_release(chats(1), dataset=DATASET)), PARAMS)


@pytest.mark.parametrize("findings", [None, [{"success": True}, {"success": False, "description": "no row is empty"}]])
def test_without_a_validation_that_holds_it_may_not(findings):
    manifest = read_manifest(write_release(chats(1), dataset=DATASET))
    path = Path(f"data/validate/{DATASET}.json")
    path.unlink() if findings is None else path.write_text(json.dumps(findings))
    with pytest.raises(DataError, match=r"was not validated|validation of am-40m failed: no row is empty"):
        check_publishable(DATASET, manifest, PARAMS)


@pytest.mark.parametrize(("licence", "told"), [("Proprietary", "Proprietary"), (None, "unknown"), ("", "unknown")])
def test_a_licence_that_forbids_it_is_named_with_its_source(licence, told):
    manifest = dict(read_manifest(write_release(chats(1), dataset=DATASET)))
    manifest["sources"] = [*manifest["sources"], {"name": "secret", "licence": licence}]
    with pytest.raises(DataError, match=rf"forbids to publish am-40m: secret \({told}\)"):
        check_publishable(DATASET, manifest, PARAMS)


def test_an_empty_release_may_be_seen_where_it_may_be_empty():
    manifest = read_manifest(write_release([], dataset=DATASET))
    with pytest.raises(DataError, match="am-40m has no rows"):
        check_publishable(DATASET, manifest, PARAMS)
    allowed = {**PARAMS.datasets, DATASET: replace(PARAMS.datasets[DATASET], allow_empty=True)}
    check_publishable(DATASET, manifest, replace(PARAMS, datasets=allowed))
