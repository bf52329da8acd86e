"""Keep what the examiner measured, and take it back: entries of the audit log."""

from __future__ import annotations

from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.examination.measurement import (
    KeptMeasurement,
    Measurement,
    details_of,
    measurements_in,
)
from btd_desktop.workflow.services import Services


def keep_measurement(
    store: CaseStore, measurement: Measurement, services: Services
) -> KeptMeasurement:
    """Put a measurement into the audit log.

    Raises:
        CaseError: The case cannot be written.
    """
    details = details_of(measurement)
    store.append_audit(audit.MEASURED, details, store.actor, services.now())
    return measurements_in(store)[-1]


def remove_measurement(store: CaseStore, number: int, services: Services) -> None:
    """Take a measurement back by an entry of its own; both stay in the log.

    Raises:
        CaseError: The case holds no such measurement, or cannot be written.
    """
    known = {kept.number: kept for kept in measurements_in(store)}
    if number not in known:
        raise CaseError(
            f"the case holds no measurement {number}",
            hint=f"it holds: {', '.join(map(str, known)) or 'none'}",
            code="measurement",
        )
    details = {
        "measurement": number,
        "summary": str(details_of(known[number].measurement)["summary"]),
    }
    store.append_audit(audit.MEASUREMENT_REMOVED, details, store.actor, services.now())
