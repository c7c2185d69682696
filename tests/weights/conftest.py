"""The settings, sections and unreachable hub of the backbone tests."""

from backbones.conftest import defaults, lite0, no_hub, settings, weights_params  # noqa: F401 - fixtures
