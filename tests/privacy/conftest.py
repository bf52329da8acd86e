"""One desk with marked evidence for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.privacy.marked import MarkedDesk, build_marked_desk


@pytest.fixture(scope="session")
def marked_desk(tmp_path_factory: pytest.TempPathFactory) -> MarkedDesk:
    """The desk, built once."""
    root = tmp_path_factory.mktemp("marked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(root / "models"))
        return build_marked_desk(root)


@pytest.fixture(scope="module")
def desk(marked_desk: MarkedDesk) -> Iterator[MarkedDesk]:
    """The desk as the user's own folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(marked_desk.root / "home"))
        patch.setenv("BTD_MODELS_DIR", str(marked_desk.root / "models"))
        yield marked_desk
