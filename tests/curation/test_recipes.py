"""The recipes of the reports against plain Python on random tables, and by hand-computed examples."""

import hashlib
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation import params as params_module
from curation import tables
from curation.candidates import Curated
from curation.grade import grade
from curation.params import Ask, Dataset, Params
from curation.select import select
from schemas.annotations import ANNOTATIONS
from schemas.prompts import PROMPTS
from schemas.reference_checks import REFERENCE_CHECKS
from schemas.responses import RESPONSES
from schemas.scores import SCORES
from schemas.verdicts import VERDICTS

THRESHOLDS = {"math": 0.99, "code": 0.99, "science": 4.99, "chat": 0.7}
CATEGORIES = ["math", "code", "chat", "science"]
ROLES = {"small": ["tiny"], "medium": ["mid"], "large": ["big", "tag"]}
SPLITS = {"train": 0.5, "validation": 0.25, "test": 0.25}
SEED = 3
ROOT = Path(__file__).parents[2]
DOUBTED = {"prompt_id": "p0", "reference": "1", "majority_votes": 2, "num_votes": 2, "outcome": "needs_arbiter"}


@dataclass(frozen=True)
class Sample:
    """All that recipes know of one response."""

    index: int
    prompt: int
    teacher: str
    score: float | None
    reason: str | None = None
    perplexity: float | None = None

    @property
    def id(self) -> str:
        return f"s{self.index:02d}"

    @property
    def prompt_id(self) -> str:
        return f"p{self.prompt}"

    @property
    def category(self) -> str:
        return CATEGORIES[self.prompt % 4]

    @property
    def share(self) -> float | None:
        return None if self.score is None else self.score / (5 if self.category == "science" else 1)


def sample(index: int, prompt: int, teacher: str, share: float | None, reason: str | None, perplexity: float) -> Sample:
    """A sample whose score is `share` of its category's scale."""
    scale = 5 if CATEGORIES[prompt % 4] == "science" else 1
    return Sample(index, prompt, teacher, None if share is None else share * scale, reason, perplexity)


SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(["tiny", "mid", "big", "tag", "stranger"]),
        st.sampled_from([None, 0.0, 0.25, 0.8, 0.95, 1.0, 1.0]),
        st.sampled_from([None, None, None, None, "repetition"]),
        st.sampled_from([2.0, 5.0, 9.0]),
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: [sample(index, *row) for index, row in enumerate(rows)])


def curated(samples: Sequence[Sample], con) -> Curated:
    """Tables of the stages before select, as they would be for these samples."""
    prompts = sorted({one.prompt for one in samples})
    ids = [{"sample_id": s.id, "prompt_id": s.prompt_id, "teacher": s.teacher} for s in samples]
    made = {"answer": "a", "well_formed": True}
    responses = [
        {**row, **made, "record_id": "r" if s.teacher == "tag" else None, "sample_index": s.index}
        for row, s in zip(ids, samples, strict=True)
    ]
    verdicts = [
        {**row, "category": s.category, "verifier": "v", "version": "1", "score": s.score}
        | {"status": "unverified" if s.score is None else "verified"}
        for row, s in zip(ids, samples, strict=True)
    ]
    flags = {"well_formed": True, "language_mixed": False, "boxed": False, "repetition": 1, "frequent_ngrams": 0}
    lengths = {"reasoning_tokens": 0, "answer_tokens": 1}
    scores = [
        {**row, **flags, **lengths, "perplexity": s.perplexity, "reason": s.reason, "figure": 9.0 if s.reason else None}
        for row, s in zip(ids, samples, strict=True)
    ]
    fixed = {"record_id": "r", "source": "x", "source_row": "1", "language": "en", "licence": "MIT", "priority": 1}
    asked = [{**fixed, "prompt_id": f"p{p}", "category": CATEGORIES[p % 4], "messages": []} for p in prompts]
    labels = {"label": "Math", "annotator": "rules", "num_turns": 1, "length_words": 3, "verifiable": True}
    labelled = [{**labels, "prompt_id": f"p{p}", "group_id": f"g{p % 3}", "difficulty": "hard"} for p in prompts]
    verdict_rows = tables.from_rows(con, verdicts, VERDICTS)
    return Curated(
        prompts=tables.from_rows(con, asked, PROMPTS),
        annotations=tables.from_rows(con, labelled, ANNOTATIONS),
        responses=tables.from_rows(con, responses, RESPONSES),
        verdicts=verdict_rows,
        scores=tables.from_rows(con, scores, SCORES),
        grades=grade(verdict_rows, THRESHOLDS, con=con),
        reference_checks=tables.from_rows(con, [DOUBTED], REFERENCE_CHECKS),
    )


Fates = dict[tuple[str, str | None], tuple[str | None, str | None]]
"""(candidate, config; None where no config keeps it) -> (reason, evidence), both None where it is kept."""


def fates(samples: Sequence[Sample], recipe: str, values: dict, con, layout: str = "am_40m") -> Fates:
    """What a recipe makes of samples; a drop without sample stands for the prompt's candidates without a row."""
    ask = Ask(roles=["small"], samples=1, keep_existing=False)
    block = Dataset(
        recipe=recipe, values=values, ask=ask, layout=layout, splits=SPLITS, split_by="prompt", allow_empty=True
    )
    params: Params = replace(
        params_module.load(),
        seed=SEED,
        roles=ROLES,
        grade=params_module.Grade(thresholds=THRESHOLDS, reference_repair=None),
        datasets={"mine": block},
    )
    result = select(curated(samples, con), params, dataset="mine", con=con)
    found: Fates = {}
    for row in result.kept.to_arrow_table().to_pylist():
        found[row["sample_id"] or row["prompt_id"], row["config"]] = (None, None)
    by_prompt = layout in ("am_difficulty_rl", "am_rl")
    rows = result.dropped.to_arrow_table().to_pylist()
    for row in sorted(rows, key=lambda row: row["sample_id"] is None):
        names = [row["prompt_id"] if by_prompt else row["sample_id"]]
        if names == [None]:
            told = {name for name, _ in found}
            names = [s.id for s in in_scope(samples, values) if s.prompt_id == row["prompt_id"] and s.id not in told]
            assert len(names) == row["num_units"] > 1
        for name in names:
            assert (name, None) not in found
            found[name, None] = (row["reason"], row["evidence_id"])
    return found


def in_scope(samples: Sequence[Sample], values: dict) -> list[Sample]:
    teachers = {name for role in values["roles"] for name in ROLES[role]}
    return [one for one in samples if one.teacher in teachers]


def groups(samples: Sequence[Sample]) -> dict[int, list[Sample]]:
    """Samples by prompt."""
    return {p: [s for s in samples if s.prompt == p] for p in {s.prompt for s in samples}}


def draw(text: str) -> float:
    """What the macro `draw` gives."""
    return int(hashlib.md5(f"{SEED}/{text}".encode()).hexdigest()[:13], 16) / 2**52


def spread(scores: Sequence[float], kind: str) -> float:
    """Coefficient of variation; 0 where it is undefined."""
    if not scores or statistics.fmean(scores) == 0 or (kind == "sample" and len(scores) < 2):
        return 0.0
    deviation = statistics.stdev(scores) if kind == "sample" else statistics.pstdev(scores)
    return round(deviation / statistics.fmean(scores), 12)


STAGE1 = {
    "roles": ["large", "small"],
    "thresholds": THRESHOLDS,
    "cv": "population",
    "cv_min": {"math": 0.05, "code": 0.5, "science": 0.05, "chat": 0.05},
    "keep_easy": 0.5,
    "keep_easy_of": ["chat"],
}


def naive_stage1(samples: Sequence[Sample], values: dict = STAGE1) -> Fates:
    """Algorithm 1 of R5."""
    found: Fates = {}
    for group in groups(in_scope(samples, values)).values():
        scored = [s.score for s in group if s.reason is None and s.score is not None]
        category, cv = group[0].category, spread(scored, values["cv"])
        for s in group:
            if s.reason:
                reason = s.reason
            elif not scored:
                reason = "unverified"
            elif max(scored) < THRESHOLDS[category]:
                reason = "below_threshold"
            elif cv > values["cv_min"][category]:
                passing = s.score is not None and s.score > THRESHOLDS[category]
                reason = None if passing else "unverified" if s.score is None else "failed_verification"
            elif category not in values["keep_easy_of"]:
                reason = "easy"
            else:
                reason = "downsampled" if draw(s.prompt_id) >= values["keep_easy"] else None
            found[s.id, None if reason else "default"] = (reason, None)
    return found


STAGE2 = {
    "roles": ["large", "small"],
    "thresholds": dict.fromkeys(THRESHOLDS, 0.99),
    "cv": "sample",
    "cv_min": dict.fromkeys(THRESHOLDS, 0.05),
    "prompts_max": {"math": 1},
}


def naive_stage2(samples: Sequence[Sample], values: dict = STAGE2) -> Fates:
    """R5's annealing set: the prompts of the largest spread, one passing response each."""
    found: Fates = {}
    candidates = groups(in_scope(samples, values))
    fit: dict[str, list[tuple[float, str, int]]] = {}
    for prompt, group in candidates.items():
        scored = [s.score for s in group if s.reason is None and s.score is not None]
        cv = spread(scored, values["cv"])
        fate = (
            "unverified" if not scored else "below_threshold" if max(scored) <= 0.99 else "easy" if cv <= 0.05 else None
        )
        if fate is None:
            fit.setdefault(group[0].category, []).append((-cv, group[0].prompt_id, prompt))
        found |= {(s.id, None): (s.reason or fate, None) for s in group}
    for category, ranked in fit.items():
        for place, (_, _, prompt) in enumerate(sorted(ranked)):
            if place >= values["prompts_max"].get(category, 10**9):
                found |= {(s.id, None): (s.reason or "over_quota", None) for s in candidates[prompt]}
                continue
            good = [s for s in candidates[prompt] if s.reason is None and s.score is not None and s.score > 0.99]
            chosen = min(good, key=lambda s: (draw(s.id), s.id))
            for s in candidates[prompt]:
                failed = "unverified" if s.score is None else "failed_verification"
                found[s.id, None] = (s.reason or failed, None)
                if s in good:
                    found[s.id, None] = ("not_chosen", chosen.id)
            del found[chosen.id, None]
            found[chosen.id, "default"] = (None, None)
    return found


TEACHERS = {"roles": ["small", "large"], "share_min": 0.9, "perplexity_max": {"big": 5.0}}


def naive_multi_teacher(samples: Sequence[Sample], values: dict = TEACHERS) -> Fates:
    """R8: what all teachers solved, the first response of each."""
    found: Fates = {}
    candidates = in_scope(samples, values)
    num_teachers = len({s.teacher for s in candidates})
    for group in groups(candidates).values():
        first: dict[str, Sample] = {}
        for s in group:
            fate = s.reason
            if fate is None and s.share is None:
                fate = "unverified"
            elif fate is None and s.share < 0.9:
                fate = "failed_verification"
            elif fate is None and s.perplexity > values["perplexity_max"].get(s.teacher, 10**9):
                fate = "perplexity"
            found[s.id, None] = (fate, None)
            if fate is None and (s.teacher not in first or s.index < first[s.teacher].index):
                first[s.teacher] = s
        for s in (s for s in group if found[s.id, None] == (None, None)):
            if len(first) < num_teachers:
                found[s.id, None] = ("unsolved_by_a_teacher", None)
            elif first[s.teacher] is s:
                del found[s.id, None]
                found[s.id, s.teacher] = (None, None)
            else:
                found[s.id, None] = ("not_chosen", first[s.teacher].id)
    return found


def rates(samples: Sequence[Sample]) -> dict[int, dict[str, float | None]]:
    """Pass rate by role of each prompt; a role without samples is absent."""
    found: dict[int, dict[str, float | None]] = {}
    for prompt, group in groups(samples).items():
        for role, teachers in ROLES.items():
            own = [s for s in group if s.teacher in teachers]
            scored = [s.score > THRESHOLDS[s.category] for s in own if s.score is not None]
            if own:
                found.setdefault(prompt, {})[role] = sum(scored) / len(scored) if scored else None
    return found


LEVELS = {"roles": ["small", "medium", "large"], "ceiling": "large", "keep_solved": {"math": 0.5, "code": 0.1}}


def within(rate: float | None) -> bool:
    return rate is not None and 0 < rate < 1


def naive_difficulty_rl(samples: Sequence[Sample], values: dict = LEVELS) -> Fates:
    """R3's levels."""
    found: Fates = {}
    for prompt, of_role in rates(in_scope(samples, values)).items():
        name, category = f"p{prompt}", CATEGORIES[prompt % 4]
        small, medium, large = (of_role.get(role) for role in ("small", "medium", "large"))
        levels = ["level-1"] if within(small) else []
        levels += ["level-2"] if (small == 0 and (medium or 0) > 0) or (within(small) and within(medium)) else []
        levels += (
            ["level-3"] if large == 0 or (large == 1 and draw(name) < LEVELS["keep_solved"].get(category, 0)) else []
        )
        if category not in values["keep_solved"]:
            found[name, None] = ("other_category", None)
        elif None in (small, medium, large):
            found[name, None] = ("unverified", None)
        elif large == 0:
            found[name, None] = ("unsolved", None)
        elif not levels:
            found[name, None] = ("no_level", None)
        else:
            found |= {(name, level): (None, None) for level in levels}
    return found


RL = {"roles": ["medium"], "policy": "medium", "categories": ["math", "code"]}


def naive_rl(samples: Sequence[Sample], values: dict = RL) -> Fates:
    """R7: what the policy solves sometimes."""
    found: Fates = {}
    for prompt, of_role in rates(in_scope(samples, values)).items():
        rate = of_role["medium"]
        reason = "other_category" if CATEGORIES[prompt % 4] not in values["categories"] else "unverified"
        if reason == "unverified" and rate is not None:
            reason = None if within(rate) else "always_solved" if rate else "unsolved"
        found[f"p{prompt}", None if reason else "default"] = (reason, None)
    return found


PAIRS = {"roles": ["large"]}


def naive_preference(samples: Sequence[Sample], values: dict = PAIRS) -> Fates:
    """R6: the best response that passes and the worst that fails."""
    found: Fates = {}
    for group in groups(in_scope(samples, values)).values():
        scored = [s for s in group if s.reason is None and s.score is not None]
        good = [s for s in scored if s.score > THRESHOLDS[s.category]]
        bad = [s for s in scored if s not in good]
        for s in group:
            if s not in scored:
                found[s.id, None] = (s.reason or "unverified", None)
            elif not good or not bad:
                found[s.id, None] = ("always_solved" if good else "unsolved", None)
        if good and bad:
            chosen = min(good, key=lambda s: (-s.score, draw(s.id), s.id))
            rejected = min(bad, key=lambda s: (s.score, draw(s.id), s.id))
            found |= {(s.id, None): ("not_chosen", (chosen if s in good else rejected).id) for s in scored}
            for s in (chosen, rejected):
                del found[s.id, None]
                found[s.id, "default"] = (None, None)
    return found


ANSWERS = {"roles": ["large", "small"]}


def naive_answers(samples: Sequence[Sample], values: dict = ANSWERS) -> Fates:
    """R4: one original and one answer to each prompt."""
    preference = {"big": 0, "tag": 0, "tiny": 1}
    found: Fates = {}
    for group in groups(in_scope(samples, values)).values():
        for config, own in (("original", [s for s in group if s.teacher == "tag"]), ("answer", [s for s in group if s.teacher != "tag"])):  # fmt: skip
            fit = [
                s for s in own if s.reason is None and not (s.score is not None and s.score <= THRESHOLDS[s.category])
            ]
            first = min(fit, key=lambda s: (preference[s.teacher], s.index), default=None)
            for s in own:
                if s is first:
                    found[s.id, config] = (None, None)
                else:
                    lost = ("not_chosen", first.id) if s in fit else (s.reason or "failed_verification", None)
                    found[s.id, None] = lost
    return found


def naive_shortest(samples: Sequence[Sample]) -> Fates:
    """The recipe that docs/recipes.md shows being written; all answers here have one token."""
    found: Fates = {}
    for group in groups(in_scope(samples, SHORTEST)).values():
        kept = [s for s in group if s.reason is None]
        good = [s for s in kept if s.score is not None and s.score > THRESHOLDS[s.category]]
        for s in group:
            failed = "unverified" if s.score is None else "failed_verification"
            reason = s.reason or ("other_category" if s.category != "math" else None if s in good else failed)
            if reason is None and s is not good[0]:
                found[s.id, None] = ("not_chosen", good[0].id)
            else:
                found[s.id, None if reason else "default"] = (reason, None)
    return found


SHORTEST = {"roles": ["small", "large"], "tokens_max": 256}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES)
def test_the_recipe_that_the_docs_write_does_what_they_say(con, tmp_path, samples):
    page = (ROOT / "docs/recipes.md").read_text()
    own = tmp_path / "shortest.sql"
    own.write_text(re.search(r"```sql\n(.*?)```", page, re.DOTALL)[1])
    found = fates(samples, str(own), SHORTEST, con)
    assert {key: reason for key, (reason, _) in found.items()} == {
        key: reason for key, (reason, _) in naive_shortest(samples).items()
    }


RECIPES: list[tuple[str, dict, str, Callable[[Sequence[Sample]], Fates]]] = [
    ("am_40m_stage1", STAGE1, "am_40m", naive_stage1),
    ("am_40m_stage2", STAGE2, "am_40m", naive_stage2),
    ("am_multi_teacher", TEACHERS, "am_multi_teacher", naive_multi_teacher),
    ("am_difficulty_rl", LEVELS, "am_difficulty_rl", naive_difficulty_rl),
    ("am_rl", RL, "am_rl", naive_rl),
    ("am_preference", PAIRS, "am_preference", naive_preference),
    ("am_answers", ANSWERS, "am_answers", naive_answers),
]


@pytest.mark.parametrize(("recipe", "values", "layout", "naive"), RECIPES, ids=[recipe for recipe, *_ in RECIPES])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, data=st.data())
def test_a_recipe_equals_plain_python_in_any_order(con, recipe, values, layout, naive, samples, data):
    shuffled = data.draw(st.permutations(samples))
    assert fates(shuffled, recipe, values, con, layout) == naive(samples)


@pytest.mark.parametrize(("layout", "role", "dropped"), [("am_40m", "response", "s00"), ("am_rl", "prompt", "p0")])
def test_a_recipe_may_read_what_became_of_a_reference(con, tmp_path, layout, role, dropped):
    recipe = tmp_path / "sure.sql"
    recipe.write_text(
        f"""
        SELECT {"sample_id" if role == "response" else "NULL AS sample_id"}, prompt_id, 'default' AS config,
            '{role}' AS role, NULL AS figure, NULL AS evidence_id,
            CASE reference_outcome WHEN 'needs_arbiter' THEN 'doubtful' END AS reason
        FROM candidates
        """
    )
    samples = [Sample(0, 0, "tiny", 1.0), Sample(1, 4, "tiny", 1.0)]
    found = fates(samples, str(recipe), {"roles": ["small"]}, con, layout)
    assert sorted(reason or "" for reason, _ in found.values()) == ["", "doubtful"]
    assert found[dropped, None] == ("doubtful", None)
