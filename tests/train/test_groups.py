"""Groups of GRPO: which teach nothing, what takes their place, what is recorded."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from curation.text import Parts
from curation.verifiers.verdict import Verdict
from train.groups import Groups, Sampled, given_reward
from train.rewards import Judged


def judged(reward):
    verdict = Verdict(reward, None if reward is not None else "timeout")
    return Judged(Parts(None, "x", True), verdict, "math", "1", None if reward is None else reward == 1, reward)


def groups(samples=2, prompts=6):
    rows = [{"prompt_id": f"p{number}", "category": "math"} for number in range(prompts)]
    values = {"params": SimpleNamespace(), "samples": samples, "resample_max": 1, "run": "r", "folder": None}
    return Groups(prompts=rows, stage_name="one", stage_index=1, **values)


def sampled(rewards, samples=2):
    inputs = [{"prompt_id": f"p{place // samples}", "category": "math"} for place in range(len(rewards))]
    ids = [[5, 9] for _ in rewards]
    completions, found = [None] * len(rewards), [judged(reward) for reward in rewards]
    return Sampled(inputs, [ids, ids, completions, None], found, [False] * len(rewards))


@given(rewards=st.lists(st.sampled_from([None, 0.0, 0.5, 1.0]), min_size=9, max_size=9))
def test_a_group_teaches_nothing_without_two_different_rewards(rewards):
    found = groups(samples=3).flat(sampled(rewards, samples=3))
    known = [{reward for reward in rewards[start : start + 3] if reward is not None} for start in (0, 3, 6)]
    assert found == [number for number, values in enumerate(known) if len(values) < 2]


def test_a_group_of_which_all_was_cut_teaches_nothing():
    one = sampled([1.0, 0.0, 1.0, 0.0])
    one.cut[:3] = [True, True, True]
    assert groups().flat(one) == [0]


def test_other_prompts_are_new_to_the_update_and_the_same_each_time():
    own = groups()
    free = own.free({"p0", "p1"})
    assert [one["prompt_id"] for one in free] == ["p2", "p3", "p4", "p5"]
    draws = [own.others(free, 3, step=step, attempt=0, process=0) for step in range(8)]
    assert len({one["prompt_id"] for one in draws[0]}) == 3
    assert draws[0] == groups().others(free, 3, step=0, attempt=0, process=0)
    assert any(one != draws[0] for one in draws)


@given(
    old=st.lists(st.sampled_from([(0.0, 0.0), (0.0, 1.0)]), min_size=1, max_size=5),
    new=st.lists(st.sampled_from([(1.0, 1.0), (1.0, 0.0)]), min_size=1, max_size=5),
)
def test_flat_groups_make_way_for_fresh_ones_and_none_is_lost(old, new):
    own, before, fresh = (
        groups(),
        sampled([one for pair in old for one in pair]),
        sampled([one for pair in new for one in pair]),
    )
    for place, row in enumerate(fresh.inputs):
        row["prompt_id"] = f"new{place // 2}"
    stays, goes = own.exchanged(before, fresh)
    kept, gone = ([row["prompt_id"] for row in part.inputs[::2]] for part in (stays, goes))
    assert sorted(kept + gone) == sorted(row["prompt_id"] for row in (before.inputs + fresh.inputs)[::2])
    assert all(kept[group] == f"p{group}" for group, pair in enumerate(old) if pair[0] != pair[1])
    come, wanted = [name for name in kept if name.startswith("new")], old.count((0.0, 0.0))
    assert len(come) == min(wanted, len(new)) and len(kept) == len(old)
    assert sum(new[int(name[3:])] == (1.0, 0.0) for name in come) == min(wanted, new.count((1.0, 0.0)))


def test_every_completion_is_recorded_with_its_place_its_end_and_its_advantage():
    one = sampled([1.0, None])
    one.generated[1], one.cut[1] = [[5, 9], [5, 5, 5]], True
    rows = groups().record(one, [0.7, 0.0], step=3, index={"p0": 4})
    told = [
        (row["prompt_id"], row["sample_index"], row["truncated"], row["num_tokens"], row["advantage"]) for row in rows
    ]
    assert told == [("p0", 4, False, 2, 0.7), ("p0", 5, True, 3, 0.0)]
    assert [(row["reward"], row["status"], row["why"]) for row in rows] == [
        (1.0, "verified", None),
        (None, "unverified", "timeout"),
    ]
    assert len({row["sample_id"] for row in rows}) == 2


def test_trl_is_given_the_reward_that_was_found():
    assert given_reward(prompts=[], completions=[], reward=[1.0, None]) == [1.0, None]
