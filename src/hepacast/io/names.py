# SPDX-License-Identifier: Apache-2.0
"""What patients, series and files are called in outputs and messages."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.events import Event, Failed, Noticed
from hepacast.io.deidentify import Pseudonyms, shifted_date
from hepacast.io.dicom.descriptions import clean_text

if TYPE_CHECKING:
    from hepacast.core.errors import HepacastError
    from hepacast.io.dicom.sort import Series

_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){4,}(?![\d.])")


class Names:
    """Patients, series and files by the names that they have."""

    secret = b""
    """What names depend on beside the files."""

    def patient(self, series: Series) -> str:
        """Folder of a patient: the id if it is a harmless name, else a digest of it."""
        identifier = series.first.patient[0]
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", identifier):
            return identifier
        return f"patient-{hashlib.sha256(identifier.encode()).hexdigest()[:10]}"

    def shown(self, series: Series) -> str:
        """Patient in tables: the id as it is."""
        return series.first.patient[0]

    def date(self, series: Series) -> str:
        """Date of the study."""
        return series.first.study_date

    def uid(self, uid: str) -> str:
        """Return the identifier of a series."""
        return uid

    def words(self, text: str) -> str:
        """Free text of a header."""
        return text

    def text(self, text: str) -> str:
        """Text of a message."""
        return text

    def event(self, event: Event) -> Event:
        """Pass an event on."""
        return event

    def error(self, error: HepacastError) -> HepacastError:
        """Pass an error on."""
        return error


PLAIN = Names()
"""Everything under the name that it has."""


@dataclass(slots=True)
class Pseudonymous(Names):
    """Nothing that names a patient: pseudonyms, shifted dates, cleaned texts, no paths.

    Parameters
    ----------
    names : Pseudonyms
        Keyed replacements.
    linkage : dict of str to str
        Filled with what was replaced: from pseudonym to original.  To be kept apart.
    """

    names: Pseudonyms
    linkage: dict[str, str] = field(default_factory=dict)

    @property
    def secret(self) -> bytes:  # type: ignore[override]
        """What names depend on beside the files."""
        return hashlib.sha256(self.names.key).digest()

    def patient(self, series: Series) -> str:
        """Return the pseudonym of the patient."""
        identifier = series.first.patient[0]
        pseudonym = self.names.patient(identifier)
        self.linkage[pseudonym] = identifier
        return pseudonym

    def shown(self, series: Series) -> str:
        """Return the pseudonym of the patient."""
        return self.patient(series)

    def date(self, series: Series) -> str:
        """Return the date of the study, shifted as all dates of the patient."""
        return shifted_date(series.first.study_date, self.names.days(series.first.patient[0]))

    def uid(self, uid: str) -> str:
        """Return the replacement of an identifier."""
        return self.names.uid(uid)

    def words(self, text: str) -> str:
        """Keep the words that radiology uses."""
        return clean_text(text)

    def text(self, text: str) -> str:
        """Replace identifiers in a message."""
        return _UID.sub(lambda match: self.names.uid(match.group()), text)

    def event(self, event: Event) -> Event:
        """Replace files and identifiers in an event."""
        if isinstance(event, Noticed):
            where = self.text(event.where) if event.where.startswith("series ") else "a file"
            return Noticed(where, self.text(event.text))
        if isinstance(event, Failed):
            item = self._file(event.item) if "/" in event.item else self.text(event.item)
            known = hasattr(event.error, "where")
            error = self.error(event.error) if known else event.error  # type: ignore[arg-type]
            return replace(event, item=item, error=error)
        return event

    def error(self, error: HepacastError) -> HepacastError:
        """Replace files and identifiers in an error."""
        clean = type(error)(what=error.what, got=self.text(error.got), fix=error.fix)
        for kind, value in error.where.items():
            clean.where[kind] = self._file(value) if kind == "file" else self.text(value)
            clean.got = clean.got.replace(value, clean.where[kind])
        return clean

    def _file(self, path: str) -> str:
        """Name a file by a digest that only the holder of the key can make."""
        name = f"file-{self.names.uid(str(Path(path)))[-10:]}"
        self.linkage[name] = path
        return name
