"""What the training stages of params.yaml need: memory of a GPU, steps and GPU-hours. `curate plan --training`.

In: the runs of the training stages (`curation.training_jobs`) and the shape of the model (`curation.model_shape`). Out: a
row per run. What is not known is null. docs/scale.md has the formulas, and what is left out of them.

Reference: operations of a token, and recomputation: Korthikanti et al., Reducing Activation Recomputation in Large
Transformer Models (arXiv 2205.05198), 2022. The reports tell neither memory nor hours.
"""

from dataclasses import dataclass

from curation.model_shape import Shape
from curation.params import Params
from curation.training_jobs import Job, gpus_of, jobs, steps_of
from curation.training_params import Fit

GPU_BYTES = 80e9
"""Memory of an H100 SXM. Ours."""
GPU_FLOPS = 989e12
"""Dense bfloat16 operations of an H100 SXM in a second, by its data sheet. Ours."""
TRAINING_UTILISATION = 0.4
"""Share of these that training reaches. Ours; not measured."""
GENERATION_UTILISATION = 0.1
"""Share of these that generation reaches. Ours; not measured."""
NODE_GPUS = 8
_GB = 1e9
_SHARDED_BYTES = 16
"""Of a parameter that is trained in mixed precision: float32 weight, gradient and two moments of Adam."""
_TILE_TOKENS, _TILE_WORDS = 4096, 32768
"""Logits that TRL 1.16 holds at once, at most."""


@dataclass(frozen=True)
class StagePlan:
    """What one stage needs. GB are 1e9 bytes of one GPU."""

    stage: str
    launch: str
    """The file of train/accelerate whose layout is reckoned."""
    gpus: int
    """As many of those that are there as the batch can be divided by."""
    tokens: int | None
    """Of the dataset's responses."""
    steps: int | None
    state_gb: float
    """Weights, gradients and moments of Adam; frozen weights."""
    gathered_gb: float
    """Embeddings and two layers put together from their shards, and their gradients."""
    activations_gb: float
    head_gb: float
    """Output embedding: its gradient, that of its inputs, and a tile of logits."""
    total_gb: float
    fits: bool
    flops: float | None
    gpu_hours: float | None
    hours_1000_steps: float
    """GPU-hours of 1,000 steps."""


def plan(params: Params, shape: Shape, *, gpus: int) -> list[StagePlan]:
    """Reckon every training stage that has a block.

    Args:
        params: Reads sft, anneal, preference, rl and datasets.
        shape: Of the model that training starts from.
        gpus: Most GPUs of a stage.

    Raises:
        ParamsError: A batch is no multiple of what a GPU holds at once.
    """
    return [_reckoned(job, shape, gpus_of(job, gpus)) for job in jobs(params)]


def launch_of(job: Job, gpus: int) -> str:
    """The file of train/accelerate that needs least memory.

    FSDP2, as accelerate and TRL use it, holds two things whole: gradients of a batch that a GPU takes in several parts, and a
    reference model. ZeRO of DeepSpeed shards both.
    """
    if gpus == 1 or job.fit.lora:
        return "one_gpu" if gpus == 1 else "ddp"
    if job.frozen or job.fit.batch > gpus * job.fit.micro_batch:
        return "deepspeed_zero3"
    return "fsdp" if gpus <= NODE_GPUS else "multi_node"


def state_bytes(job: Job, shape: Shape, gpus: int) -> float:
    """Weights, gradients and moments that one GPU keeps through an update."""
    width = dtype_bytes(job.fit)
    if job.fit.lora:
        return shape.num_parameters * width + _SHARDED_BYTES * shape.num_adapter(
            job.fit.lora.rank, job.fit.lora.targets
        )
    # Nothing makes float32 of bfloat16 weights on one GPU: weight, gradient and moments have the dtype of fit.
    trained = 4 * width if gpus == 1 else _SHARDED_BYTES
    return shape.num_parameters * (trained + (width if job.frozen else 0)) / gpus


def gathered_bytes(job: Job, shape: Shape, gpus: int) -> float:
    """What a GPU puts together from all shards for a while: weights and gradients of embeddings and two layers."""
    if gpus == 1 or job.fit.lora:
        return 0.0
    return 2 * dtype_bytes(job.fit) * (shape.num_embedding + 2 * shape.num_of_layer)


def activations_bytes(job: Job, shape: Shape) -> float:
    """What the backward pass needs of the forward pass: of all layers, or with checkpointing their inputs and one layer."""
    width, one = dtype_bytes(job.fit), layer_bytes(shape, dtype_bytes(job.fit))
    if not job.fit.gradient_checkpointing:
        return sequence_tokens(job) * shape.num_layers * one
    return sequence_tokens(job) * (shape.num_layers * width * shape.hidden + one)


def layer_bytes(shape: Shape, width: int) -> float:
    """What autograd saves of one token in one layer, by attention that keeps no matrix of scores.

    Two norms with a float32 copy, a product and an output each; queries, keys, values and what attention gives; four of
    the feed-forward width. A test counts the same on a model.

    Args:
        shape: The model's.
        width: Bytes of a number.
    """
    norms = 2 * (4 + 2 * width) * shape.hidden
    return norms + width * (2 * shape.queries + 2 * shape.keys + 4 * shape.intermediate)


def head_bytes(job: Job, shape: Shape) -> float:
    """The output embedding in TRL, which makes logits tile by tile: float32 gradients, inputs and gradients in the dtype."""
    tokens, width = sequence_tokens(job), dtype_bytes(job.fit)
    weights = 0 if job.fit.lora else 4 * shape.vocabulary * shape.hidden
    return weights + tokens * shape.hidden * (4 + 2 * width) + min(tokens, _TILE_TOKENS) * _TILE_WORDS * width


def flops_of_token(job: Job, shape: Shape, sequence: float) -> float:
    """Operations of training on one token, generation left out.

    Args:
        job: Its checkpointing, adapters and extra forward passes count.
        shape: The model's.
        sequence: Length of the sequence that the token stands in, in tokens: it attends to half of it on average.
    """
    forward = 1 + job.fit.gradient_checkpointing + job.frozen + job.scored
    # Adapters need the gradients of activations, not those of frozen weights.
    weights = 2 * shape.num_parameters * (forward + (1 if job.fit.lora else 2))
    return weights + 2 * shape.num_layers * shape.queries * sequence * (forward + 2)


def sequence_tokens(job: Job) -> int:
    """Tokens that a GPU holds at once, at most."""
    return job.fit.micro_batch * job.sides * job.max_tokens


def dtype_bytes(fit: Fit) -> int:
    """Bytes of a number in the dtype of `fit`."""
    return 2 if fit.dtype == "bfloat16" else 4


def _hours_of_step(job: Job, shape: Shape) -> tuple[float, float]:
    """Operations of one update, and its GPU-hours."""
    rows, tokens = job.held.rows, job.held.tokens
    mean = tokens / (rows * job.sides) if rows and tokens else job.max_tokens
    num_tokens = job.fit.batch * job.sides * (job.max_tokens if job.packing else mean)
    training = num_tokens * flops_of_token(job, shape, mean)
    generation = num_tokens * job.generations * _generation_flops(shape, mean)
    seconds = training / (GPU_FLOPS * TRAINING_UTILISATION) + generation / (GPU_FLOPS * GENERATION_UTILISATION)
    return training + generation, seconds / 3600


def _generation_flops(shape: Shape, sequence: float) -> float:
    return 2 * shape.num_parameters + 2 * shape.num_layers * shape.queries * sequence


def _reckoned(job: Job, shape: Shape, gpus: int) -> StagePlan:
    parts = (
        state_bytes(job, shape, gpus),
        gathered_bytes(job, shape, gpus),
        activations_bytes(job, shape),
        head_bytes(job, shape),
    )
    flops, hours = _hours_of_step(job, shape)
    steps = steps_of(job)
    state, gathered, activations, head = (round(part / _GB, 2) for part in parts)
    return StagePlan(
        stage=job.stage,
        launch=launch_of(job, gpus),
        gpus=gpus,
        tokens=job.held.tokens,
        steps=steps,
        state_gb=state,
        gathered_gb=gathered,
        activations_gb=activations,
        head_gb=head,
        total_gb=round(sum(parts) / _GB, 2),
        fits=sum(parts) <= GPU_BYTES,
        flops=None if steps is None else float(f"{steps * flops:.3g}"),
        gpu_hours=None if steps is None else float(f"{steps * hours:.3g}"),
        hours_1000_steps=float(f"{1000 * hours:.3g}"),
    )
