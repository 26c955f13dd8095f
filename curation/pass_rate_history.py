"""Pass rates of prompts over the stages of RL, with intervals: what windows and curricula ask.

`SQL` is a query over the table `rollouts`; the catalog has it as the view `pass_rate_history`. A policy moves from stage to
stage, so each stage stands by itself, the probe first; what could not be verified counts for neither side.

Example row: {"prompt_id": "9ab2...", "category": "math", "stage_index": 1, "stage_name": "sometimes", "num_rollouts": 16,
"num_verified": 16, "num_passed": 12, "pass_rate": 0.75, "pass_rate_low": 0.505, "pass_rate_high": 0.898}

Reference: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
"""

from curation.tables import quote

NAME = "pass_rate_history"
_DOC = "How often a prompt was solved in each stage of rl that asked it; one row per prompt and stage."
_Z = 1.959964
"""Of a normal distribution, 95 % lies within so many standard deviations."""
COLUMNS = (
    ("prompt_id", "Prompt."),
    ("category", "Its category."),
    ("stage_index", "0 for the probe, then the stages from 1."),
    ("stage_name", "Stage of params, or probe."),
    ("num_rollouts", "Completions of the prompt in this stage."),
    ("num_verified", "Those that could be verified."),
    ("num_passed", "Those whose score exceeds grade's threshold."),
    ("pass_rate", "num_passed / num_verified; null where nothing was verified."),
    ("pass_rate_low", "Lower end of Wilson's interval at 95 %."),
    ("pass_rate_high", "Upper end of it."),
)
"""Columns with their meaning."""
_MIDDLE = f"pass_rate + {_Z**2 / 2} / num_verified"
_HALF = f"{_Z} * sqrt(pass_rate * (1 - pass_rate) / num_verified + {_Z**2 / 4} / num_verified ** 2)"
SQL = f"""
SELECT *,
    CASE WHEN num_verified > 0 THEN greatest(0, ({_MIDDLE} - {_HALF}) / (1 + {_Z**2} / num_verified)) END AS pass_rate_low,
    CASE WHEN num_verified > 0 THEN least(1, ({_MIDDLE} + {_HALF}) / (1 + {_Z**2} / num_verified)) END AS pass_rate_high
FROM (
    SELECT *, num_passed / nullif(num_verified, 0) AS pass_rate
    FROM (
        SELECT prompt_id, any_value(category) AS category, stage_index, any_value(stage_name) AS stage_name,
            count(*) AS num_rollouts, count(passed) AS num_verified, count(*) FILTER (passed) AS num_passed
        FROM rollouts GROUP BY prompt_id, stage_index
    )
)
"""
"""One row per prompt and stage that asked it, from the relation `rollouts`."""


def statements() -> tuple[str, ...]:
    """Statements that create the catalog's view over its view `rollouts`."""
    told = (f"COMMENT ON COLUMN {NAME}.{column} IS {quote(doc)}" for column, doc in COLUMNS)
    return (f"CREATE VIEW {NAME} AS {SQL}", f"COMMENT ON VIEW {NAME} IS {quote(_DOC)}", *told)
