"""Retries, waits and sentences for what a Hub refuses."""

import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError

from curation.errors import DataError
from curation.hub_client import NUM_RETRIES, default_hub, opened_hub, wait_seconds


def answered(status: int, **headers: str) -> HfHubHTTPError:
    request = httpx2.Request("GET", "http://hub/x")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HfHubHTTPError("no", response=httpx2.Response(status, headers=named, request=request), server_message="no")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        # Busy, or not reached: may pass.
        (answered(503), 0.5),
        (answered(429, Retry_After="7"), 7.0),
        (answered(429, Retry_After="soon"), 0.5),
        (httpx2.ConnectError("refused"), 0.5),
        (httpx2.RemoteProtocolError("cut off"), 0.5),
        # Refused: asking again changes nothing.
        (answered(403), None),
        (answered(404), None),
        (ValueError("no card"), None),
    ],
)
def test_what_may_pass_is_waited_for(error, seconds):
    assert wait_seconds(error, 0) == seconds
    assert wait_seconds(error, NUM_RETRIES) is None


def test_waits_grow_and_a_date_is_understood():
    assert [wait_seconds(answered(500), attempt) for attempt in range(5)] == [0.5, 1, 2, 4, 8]
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 < (wait_seconds(answered(503, Retry_After=at), 0) or 0) <= 30


def test_the_error_behind_a_failed_upload_decides():
    failed = RuntimeError("Error while uploading")
    failed.__cause__ = answered(502)
    assert wait_seconds(failed, 0) == 0.5
    failed.__cause__ = answered(400)
    assert wait_seconds(failed, 0) is None


def test_a_hub_in_a_folder_answers_offline_and_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with opened_hub(str(tmp_path / "hub")) as hub:
        assert hub.ask("asking who I am", hub.api.whoami)["name"] == "local"
    assert constants.HF_HUB_OFFLINE
    assert "NO_PROXY" not in os.environ


def test_an_address_offline_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    with (
        opened_hub("http://127.0.0.1:9") as hub,
        pytest.raises(DataError, match=r"asking failed at http://127\.0\.0\.1:9: .*Unset HF_HUB_OFFLINE"),
    ):
        hub.ask("asking", hub.api.whoami)


def test_the_hub_of_a_project_is_that_of_its_params_unless_the_environment_names_one(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert default_hub() == ".curate/hub"
    monkeypatch.setenv("HF_ENDPOINT", constants.ENDPOINT)
    assert default_hub() == constants.ENDPOINT
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.chdir(tmp_path)
    assert default_hub() == constants.ENDPOINT
