"""Rewards equal curation's verdicts; what cannot be verified has none."""

import pytest

from curation.params import load
from curation.verifiers.dispatch import verify_tasks
from curation.verifiers.verdict import Task
from train.rewards import judge

MATH = {"category": "math", "messages": [{"role": "user", "content": "2 + 2?"}], "reference": "4", "tests": None}
MATH |= {"constraints": None}
SCIENCE = MATH | {"category": "science", "reference": "B"}
CHAT = MATH | {"category": "chat", "reference": None}
TEXTS = [
    "<think>\nAdd.\n</think>\n<answer>\n\\boxed{4}\n</answer>",
    "<think>\nAdd.\n</think>\n<answer>\n\\boxed{5}\n</answer>",
    "4",
    "",
]


@pytest.fixture
def params(project):
    return load()


def test_a_reward_is_the_verdict_of_curation(params):
    found = judge([MATH] * len(TEXTS), TEXTS, params, reward="score")
    tasks = [Task((("user", "2 + 2?"),), one.parts.answer, "4") for one in found]
    wanted = verify_tasks("math", tasks, params.verify)
    assert [one.verdict for one in found] == wanted
    assert [one.reward for one in found] == [verdict.score for verdict in wanted]
    assert [one.reward for one in found[:2]] == [1.0, 0.0]
    assert found[0].parts.reasoning == "\nAdd.\n"


def test_rewards_are_shares_of_the_full_score_or_pass_and_fail(params):
    right = "<think>\nB.\n</think>\n<answer>\n\\boxed{B}\n</answer>"
    (score,) = judge([SCIENCE], [right], params, reward="score")
    assert (score.verdict.score, score.reward, score.passed) == (5.0, 1.0, True)
    assert [one.reward for one in judge([MATH] * 2, TEXTS[:2], params, reward="passed")] == [1.0, 0.0]


def test_what_nothing_verifies_has_no_reward_and_did_not_fail(params):
    chat, known = judge([CHAT, MATH], ["Hello.", TEXTS[0]], params, reward="score")
    assert (chat.reward, chat.passed, chat.verdict.why, chat.verifier) == (None, None, "no_reward_model", "none")
    assert known.reward == 1.0
