"""Scores of a tiny real sequence-classification model against its own forward pass."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from curation.errors import InstallError, ParamsError
from curation.params import Verify
from curation.verifiers import reward
from curation.verifiers.dispatch import task_key, verifier_of, verify_tasks
from curation.verifiers.reward import score_outputs, verify_reward
from curation.verifiers.verdict import Task

VERIFY = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text())["verify"]
TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{% for message in messages %}<s>{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
)
TASKS = [Task((("user", "hi " * number),), "hello " + "x" * number) for number in range(20)]


def save_model(folder, *, num_labels, template):
    """A Llama of some 9,000 parameters with a byte tokenizer."""
    torch.manual_seed(7)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=260, special_tokens=["<pad>", "<s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator([], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", chat_template=template)
    fast.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(fast), max_position_embeddings=128, num_labels=num_labels, pad_token_id=0, **sizes
    )
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def five_outputs(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("five"), num_labels=5, template=TEMPLATE)


@pytest.fixture(scope="module")
def one_output(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("one"), num_labels=1, template=None)


def verdicts(tasks, model):
    return verify_reward(tasks, model=model, labels=[0, 1, 2], scale_max=0.05)


def logits(model, *texts):
    tokenizer = AutoTokenizer.from_pretrained(model)
    inputs = tokenizer(*texts, add_special_tokens=False, return_tensors="pt")
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(model)(**inputs).logits[0]


def test_several_outputs_are_averaged_over_the_scale(five_outputs):
    (found,) = verdicts([TASKS[3]], five_outputs)
    outputs = logits(five_outputs, "<s>user: hi hi hi \n<s>assistant: hello xxx\n")
    expected = outputs[:3].mean().item() / 0.05
    assert found.score == pytest.approx(min(max(expected, 0), 1), abs=1e-5)
    assert json.loads(found.detail)["outputs"] == pytest.approx(outputs.tolist(), abs=1e-5)


def test_one_output_becomes_its_sigmoid_and_no_template_a_pair(one_output):
    (found,) = verdicts([TASKS[3]], one_output)
    expected = torch.sigmoid(logits(one_output, TASKS[3].messages[0][1], TASKS[3].answer)).item()
    assert found.score == pytest.approx(expected, abs=1e-6)


@given(st.permutations(range(len(TASKS))))
@settings(max_examples=5, deadline=None)
def test_a_score_does_not_depend_on_the_others_of_its_batch(five_outputs, order):
    found = verdicts([TASKS[index] for index in order], five_outputs)
    alone = [verdicts([TASKS[index]], five_outputs)[0] for index in order]
    assert found == alone


def test_a_padded_batch_gives_the_outputs_of_single_rows(five_outputs):
    loaded = reward._load(five_outputs)
    encoded = [reward._encode(loaded.tokenizer, task) for task in TASKS[:8]]
    single = [reward._outputs(loaded, [one])[0] for one in encoded]
    assert torch.tensor(reward._outputs(loaded, encoded)) == pytest.approx(torch.tensor(single), abs=1e-5)


def test_what_the_model_cannot_read_is_unverified(five_outputs):
    long = Task((("user", "hi" * 100),), "hello")
    system = Task((("system", "be brief"), ("user", "hi")), "hello")
    found = verdicts([long, TASKS[0], system], five_outputs)
    assert [verdict.why for verdict in found] == ["too_long", None, "template_refused"]


def test_the_model_and_its_contents_are_part_of_the_key(five_outputs, one_output):
    params = [Verify(**{**VERIFY, "reward_model": model}) for model in (five_outputs, one_output)]
    keys = {task_key("reward", TASKS[0], one) for one in params}
    assert len(keys) == 2
    assert [verifier_of("chat", one) for one in params] == ["reward", "reward"]
    assert verify_tasks("chat", TASKS[:2], params[1]) == verdicts(TASKS[:2], one_output)


def test_no_model_leaves_all_unverified():
    assert [verdict.why for verdict in verdicts(TASKS[:2], None)] == ["no_reward_model"] * 2


def test_a_label_that_the_model_lacks_is_refused(five_outputs):
    with pytest.raises(ParamsError, match=r"reward_labels is \[5\].*outputs 0 to 4"):
        verify_reward(TASKS[:1], model=five_outputs, labels=[5], scale_max=4)


def test_a_model_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InstallError, match="cannot be loaded"):
        verdicts(TASKS[:1], str(tmp_path))


# R5's own example (references 12.2), values beyond the scale, extreme and broken outputs.
@pytest.mark.parametrize(
    ("outputs", "score", "clipped"),
    [
        ([3.96, 3.97, 3.86, 0.99, 1.49], 0.9825, False),
        ([5.0, 5.0, 5.0], 1.0, True),
        ([-1.0, 0.0, 0.5], 0.0, True),
        ([0.0], 0.5, False),
        ([-2000.0], 0.0, False),
        ([float("nan"), 1.0, 1.0], None, False),
    ],
)
def test_outputs_become_a_score_between_0_and_1(outputs, score, clipped):
    found = score_outputs(outputs, [0, 1, 2], 4)
    assert found.score == score
    assert json.loads(found.detail).get("clipped", False) is clipped
