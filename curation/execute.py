"""Where the batches of costly per-row work run: in this process, or spread over a Ray cluster.

Both take the same functions and give the same values; only the order in which batches come
back differs, and the memo does not care. Whoever calls stores each batch as it comes.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pyarrow as pa

from curation.errors import InstallError

Executor = Literal["local", "ray"]
Work = Callable[[pa.Table], pa.Table]
"""Takes rows of `key` and inputs, gives rows of `key` and values, one for each key."""
BATCHES_PER_CORE = 2


def run_batches(
    batches: Iterator[pa.Table], function: Work, *, executor: Executor
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield each batch with what `function` made of it, as soon as it is done.

    Batches are drawn as they are needed: at most two per core are under way.

    Args:
        batches: Work, drawn from the caller's process.
        function: Runs in this process, or in a task on the cluster; then it and what it
            closes over must be picklable.
        executor: `ray` joins the cluster that RAY_ADDRESS names, else starts one on this machine.

    Raises:
        InstallError: Ray is wanted and not installed.
    """
    if executor == "local":
        return ((batch, function(batch)) for batch in batches)
    return _run_on_ray(batches, function)


def _run_on_ray(batches: Iterator[pa.Table], function: Work) -> Iterator[tuple[pa.Table, pa.Table]]:
    ray = _ray()
    task = ray.remote(function)
    most = BATCHES_PER_CORE * max(1, int(ray.cluster_resources().get("CPU", 1)))
    under_way: dict[Any, pa.Table] = {}
    for batch in batches:
        under_way[task.remote(batch)] = batch
        if len(under_way) >= most:
            yield _first_done(ray, under_way)
    while under_way:
        yield _first_done(ray, under_way)


def _first_done(ray: Any, under_way: dict[Any, pa.Table]) -> tuple[pa.Table, pa.Table]:
    done, _ = ray.wait(list(under_way), num_returns=1)
    return under_way.pop(done[0]), ray.get(done[0])


def _ray() -> Any:
    """Ray, joined to a cluster."""
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise InstallError(
            "resources.executor is ray, and Ray is not installed. Run: pip install -e '.[ray]', or set it to local."
        )
    import ray

    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level="warning", log_to_driver=False)
    return ray
