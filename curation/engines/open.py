"""Open the engine that settings name."""

from curation.engines.protocol import Engine, EngineSettings


def open_engine(settings: EngineSettings) -> Engine:
    """Make an engine; its model is loaded when it is first asked, its version is there at once.

    Raises:
        InstallError: The engine's library, or the package that carries the model, is not installed.
        DataError: The model's folder holds no model.
    """
    if settings.engine == "transformers":
        from curation.engines.transformers import TransformersEngine

        return TransformersEngine(settings)
    if settings.engine == "vllm":
        from curation.engines.vllm import VllmEngine

        return VllmEngine(settings)
    from curation.engines.openai import OpenaiEngine

    return OpenaiEngine(settings)
