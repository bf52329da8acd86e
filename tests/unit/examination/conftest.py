"""The tiny model of the use cases' tests, for what reads a case."""

from __future__ import annotations

from tests.unit.workflow.conftest import services, tiny_model

__all__ = ["services", "tiny_model"]
