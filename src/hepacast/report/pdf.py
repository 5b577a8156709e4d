# SPDX-License-Identifier: Apache-2.0
"""The page as PDF, by WeasyPrint (extra ``pdf``), which may fetch nothing from anywhere."""

from __future__ import annotations

from hepacast.core.errors import StudyError


def pdf_bytes(html: str) -> bytes:
    """Print a page as A4 PDF, as its print style says.

    Parameters
    ----------
    html : str
        What :func:`~hepacast.report.document.render_html` returned.

    Returns
    -------
    bytes
        A PDF file with text as text.

    Raises
    ------
    StudyError
        If WeasyPrint is not installed.
    weasyprint.urls.FatalURLFetchingError
        If the page refers to anything that is not inside it.
    """
    try:
        import weasyprint  # noqa: PLC0415 - an extra, and slow to load
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except (ImportError, OSError) as error:  # OSError: its text library is missing
        raise StudyError(
            what="a PDF report needs WeasyPrint and its text library",
            got=str(error),
            fix="Install hepacast[pdf] (and libpango on a bare Linux), or print the page.",
        ) from error
    # A name in a report must not make the printer read files or call hosts.
    nothing = URLFetcher(allowed_protocols=["data"], allow_redirects=False, fail_on_errors=True)
    written: bytes = weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf()
    return written
