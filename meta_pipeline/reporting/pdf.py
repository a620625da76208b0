"""The page as a PDF that readers for the blind can read (PDF/UA), the same bytes each time."""

import hashlib
import logging
import os
from typing import Any

from meta_pipeline.errors import ReportError

_INSTALL = "apt-get install libpango-1.0-0 libpangoft2-1.0-0, and pip install 'meta-pipeline[pdf]'"


def as_pdf(page: str) -> bytes:
    """The PDF of a page that holds all it needs.

    Raises `ReportError` that names what to install when WeasyPrint or its system library is
    missing.
    """
    weasyprint = _weasyprint()
    # A font may lack a glyph of a client's name; the page is printed all the same.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    # A report asks for nothing from elsewhere: a logo could.
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols={"data"})
    document = weasyprint.HTML(string=page, url_fetcher=fetcher)
    # fontTools writes the time into each font that it cuts down, unless it is told one.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    identifier = hashlib.sha256(page.encode()).hexdigest()[:32].encode()
    return document.write_pdf(
        pdf_variant="pdf/ua-1", pdf_identifier=identifier, finisher=_with_names_of_headers
    )


def _with_names_of_headers(_document: Any, pdf: Any) -> None:
    """Adds the tree by which the cells of a table find their headers.

    WeasyPrint writes the headers' names alone; ISO 32000 (14.7.2) asks for the tree as well.
    """
    import pydyf

    named = [
        (one["ID"], one.reference)
        for one in pdf.objects
        if isinstance(one, pydyf.Dictionary) and "ID" in one
    ]
    named.sort(key=lambda pair: pair[0].data)
    names = pydyf.Array(part for pair in named for part in pair)
    for one in pdf.objects:
        if isinstance(one, pydyf.Dictionary) and one.get("Type") == "/StructTreeRoot":
            one["IDTree"] = pydyf.Dictionary({"Names": names})


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError:
        raise ReportError("PDF needs WeasyPrint, which is not installed", hint=_INSTALL) from None
    except OSError as error:
        raise ReportError(
            f"PDF needs a system library that is missing: {error}", hint=_INSTALL
        ) from None
    return weasyprint
