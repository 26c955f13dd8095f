"""What `dvc repro` would ask of the teachers now: `curate plan`.

Reads what annotate and ingest wrote and what the memo holds; asks no model. Token figures are
the means of answers in the memo, by teacher and category, and absent where there are none.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from curation import params as params_module
from curation import tables
from curation.disk import disk_errors_told
from curation.distill import completions_memo, move_ready, open_engines, requests_of
from curation.stage import Run
from schemas.drops import DROPS
from schemas.prompts import PROMPTS
from schemas.responses import RESPONSES


@dataclass(frozen=True)
class Forecast:
    """Requests of one teacher in one category."""

    teacher: str
    category: str
    num_prompts: int
    num_requests: int
    num_answered: int
    """Requests whose answer the memo holds: they cost nothing."""
    num_over_budget: int
    num_to_ask: int
    mean_tokens: float | None
    """Generated tokens of an answer, mean of the memo's."""
    tokens_to_ask: int | None
    """num_to_ask times mean_tokens."""


def forecast() -> list[Forecast]:
    """Count the requests of the project in the working directory.

    Raises:
        DataError: annotate or ingest has not run yet.
        ParamsError: params.yaml is wrong.
    """
    params = params_module.load()
    con = tables.connect(memory_gb=params.resources.memory_gb, processes=params.resources.processes)
    part = Path(tempfile.mkdtemp(prefix="curate-plan-"))
    try:
        with disk_errors_told("plan"):
            run = Run("distill", None, params, con, part)
            prompts = run.read("annotate", PROMPTS)
            ready = move_ready(run.read("ingest", RESPONSES), prompts, run.read("deduplicate", DROPS))
            requests = requests_of(run, ready, prompts, open_engines(params.teachers))
            stored = completions_memo().rows(con)
            counted = requests.query("requests", _COUNT)
            return [Forecast(*row) for row in counted.fetchall()]
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(f"{part}.spill", ignore_errors=True)


_COUNT = """
SELECT teacher, category,
    count(DISTINCT prompt_id),
    count(*),
    count(*) FILTER (NOT over_budget AND stored.key IS NOT NULL),
    count(*) FILTER (over_budget),
    count(*) FILTER (NOT over_budget AND stored.key IS NULL) AS to_ask,
    avg(num_tokens) AS mean_tokens,
    round(to_ask * avg(num_tokens))::BIGINT
FROM requests
LEFT JOIN stored USING (key)
GROUP BY teacher, category
ORDER BY teacher, category
"""
