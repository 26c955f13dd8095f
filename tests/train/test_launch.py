"""Two processes that train together: one output, the loss of one process, an error told once, resumed after a kill."""

import csv
import os
import subprocess
import sys

import pytest

from curation.places import DATA
from tests.train.conftest import ROOT, tiny_params, write_params
from train import base

TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "train.sft"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
STARTED = {"stderr": subprocess.STDOUT, "text": True, "stdout": subprocess.PIPE, "env": ENVIRONMENT}


@pytest.fixture
def based(project):
    """The project with a fresh model, and SFT of six updates of eight."""
    params = tiny_params()
    fit = {"batch": 8, "micro_batch": 4, "max_steps": 6, "epochs": 9, "save_steps": 2, "learning_rate": 0.002}
    params["sft"] |= {"stop_at": None, "max_tokens": 256}
    params["sft"]["fit"] |= fit
    write_params(project, params)
    assert base.main([]) == 0
    return project


def losses():
    with (DATA / "sft/log.csv").open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


def test_two_processes_make_one_output_and_the_losses_of_one(based, tmp_path):
    found = subprocess.run(TWO, check=False, cwd=based, **STARTED)
    assert found.returncode == 0, found.stdout
    assert found.stdout.count("sft: wrote data/sft") == found.stdout.count("sft: step 6 of 6") == 1
    assert {path.name for path in (DATA / "sft/model").iterdir()} >= {"model.safetensors", "README.md", "config.json"}
    of_two = losses()
    one = subprocess.run([sys.executable, "-m", "train.sft"], check=False, cwd=based, **STARTED)
    assert one.returncode == 0, one.stdout
    assert len(of_two) == 6
    assert of_two == pytest.approx(losses(), rel=1e-4)
