"""Released rows of `am-40m`: the flat records of AM-DeepSeek-Distilled-40M (references 11.2).

The report's three columns `pass_rate_<name>` are for the teachers in the roles small, medium
and large; their names come from params (`datasets.<name>.pass_rates`), so the table is made by a
function. After the report's columns stand ours: ids and scalars.
"""

import pyarrow as pa

from schemas.ours import PROMPT_LENGTHS, RESPONSE_LENGTHS
from schemas.table import Column, Table


def am_40m(pass_rate_names: tuple[str, ...]) -> Table:
    """The contract of a release whose pass rates are called `pass_rate_<name>`."""
    pass_rates = tuple(
        Column(
            f"pass_rate_{name}",
            pa.float64(),
            f"Pass rate of the query under {name}; null where nothing was verified.",
            nullable=True,
        )
        for name in pass_rate_names
    )
    return Table("am_40m", "one row per sample", ("sample_id",), REPORT_BEFORE + pass_rates + REPORT_AFTER + OURS)


REPORT_BEFORE = (
    Column("question", pa.string(), "Query; of a multi-turn prompt all turns, each after its role in angle brackets."),
    Column("answer", pa.string(), "Full response, with think and answer tags where it has them."),
    Column("question_source", pa.string(), "Source of the query."),
    Column("answer_source", pa.string(), "Source of the response: the teacher or the source's response tag."),
    Column(
        "category",
        pa.string(),
        "code, math, science, instruction follow, multi turn or other, as the report spells them.",
    ),
    Column("ground_truth", pa.string(), "Reference answer; null where there is none.", nullable=True),
    Column("test_case", pa.string(), "Tests as JSON; null where there are none.", nullable=True),
    Column(
        "instruction_constrain", pa.string(), "IFEval constraints as JSON; null where there are none.", nullable=True
    ),
)
REPORT_AFTER = (
    Column(
        "verify_score",
        pa.float64(),
        "Raw score of the verdict: 0 to 1, science 0 to 5; null where unverified.",
        nullable=True,
    ),
    Column("ppl", pa.float64(), "Perplexity; null where no scorer is named.", nullable=True),
    Column("model_name", pa.string(), "Model that responded."),
)
OURS = (
    Column("sample_id", pa.string(), "Sample."),
    Column("prompt_id", pa.string(), "Prompt."),
    Column("label", pa.string(), "Magpie's task label."),
    Column("difficulty", pa.string(), "Difficulty label of the prompt."),
    Column("language", pa.string(), "en, zh or other."),
    *PROMPT_LENGTHS,
    *RESPONSE_LENGTHS,
)
