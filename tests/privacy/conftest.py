"""One desk with marked evidence for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.privacy.marked import MarkedDesk, build_marked_desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarkedDesk]:
    """The desk, as the user's own folders."""
    root = tmp_path_factory.mktemp("marked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        yield build_marked_desk(root)
