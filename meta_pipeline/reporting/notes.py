"""What the agency writes into a report: Markdown without HTML, pictures and addresses."""

from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from meta_pipeline.errors import ReportError


def read_notes(folder: Path, client_id: str, month: str) -> Markup | None:
    """The notes of `<client>/<month>.md` in the folder, as HTML; None when there is no such file.

    Raises `ReportError` when the file is no UTF-8 text.
    """
    path = folder / client_id / f"{month}.md"
    if not path.exists():
        return None
    try:
        return notes_as_html(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{path} cannot be read: {error}", hint="it must be a UTF-8 text file"
        ) from None


def notes_as_html(text: str) -> Markup | None:
    """Markdown as HTML. Its HTML is escaped, its pictures stay text, of its links the words stay.

    Without a heading at its top it stands under "What we did". None when it is empty.
    """
    # A report asks for nothing from elsewhere, and takes nobody elsewhere.
    reader = MarkdownIt("commonmark", {"html": False}).disable(["image", "autolink"])
    tokens = reader.parse(text)
    if not tokens:
        return None
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h2" if token.tag in ("h1", "h2") else "h3"
        if token.children:
            token.children = [one for one in token.children if not _is_link(one)]
    body = reader.renderer.render(tokens, reader.options, {})
    if tokens[0].type != "heading_open":
        body = f"<h2>What we did</h2>\n{body}"
    return Markup(body)  # noqa: S704 (made of escaped text right above)


def _is_link(token: Token) -> bool:
    return token.type in ("link_open", "link_close")
