"""Models on a device, opened once; torch is loaded in here, on the compute lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btd_desktop.cases.model import Run
from btd_desktop.examination.series import OWN, Method
from btd_desktop.settings import Settings, changed_settings

if TYPE_CHECKING:
    from btd_desktop.examination.models import BoundDetector, ModelEntry


class Detectors:
    """Detectors opened so far; used on the compute lane's thread only."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str, str], BoundDetector] = {}

    def for_modality(
        self, modality: str, settings: Settings, method: Method = OWN
    ) -> BoundDetector:
        """Detector of the default model of a modality, for a method.

        Raises:
            ModelError: There is none, or it is damaged.
            SettingsError: The device in the settings is not available.
        """
        from btd_desktop.examination.models import find_model

        return self.for_entry(find_model("", modality, method), settings, method)

    def for_run(self, run: Run, settings: Settings) -> BoundDetector:
        """Detector of the model that a run was made with, in its number format.

        Raises:
            ModelError: That model is not installed any more.
        """
        from btd_desktop.examination.models import installed_model, model_of_run

        manifest = run.manifest
        dtype = manifest.backend.dtype or settings.dtype
        return self.for_entry(
            installed_model(model_of_run(manifest)),
            changed_settings(settings, dtype=dtype),
            manifest.used,
        )

    def for_entry(
        self, entry: ModelEntry, settings: Settings, method: Method = OWN
    ) -> BoundDetector:
        """Detector of a model, on the device of the settings."""
        from btd_desktop.examination.models import open_detector

        key = (str(entry.folder), settings.device, settings.dtype, method)
        known = self._open.get(key)
        if known is None or (entry.card and known.card.digest != entry.card.digest):
            known = open_detector(
                entry, device=settings.device, dtype=settings.dtype, method=method
            )
            self._open[key] = known
        return known
