"""The pages of a study: static ones for participants, and a template for Mechanical Turk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from eval.page import render_page
from eval.study.design import GARMENT, PERSON, REAL_OR_FAKE, SOURCE, TARGET

# Of what stands above the options.
CAPTIONS = {
    SOURCE: "The person",
    TARGET: "Photograph",
    GARMENT: "The clothes",
    PERSON: "The person",
}
LABELS = ("Real", "Fake")  # the two places of real_or_fake
POLICY = (  # of what the page may load: its own files, and nothing of anybody's else
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_HERE = Path(__file__).parent


def study_texts(
    question: str, above: Sequence[str], places: int, prompt: str | None, consent: str
) -> dict[str, Any]:
    """What participants read, as the pages take it; `above` names what stands over the options."""
    if question == REAL_OR_FAKE:
        default = "Is this a real photograph, or was it made by a computer?"
        keys = "Keys: ← or 1 for real, → or 2 for fake."
    else:
        more = "more" if places == 2 else "most"
        default = (
            f"Which picture looks {more} like the photograph?"
            if TARGET in above
            else (f"Which picture looks {more} real?")
        )
        keys = (
            "Keys: ← or 1 for the left picture, → or 2 for the right one."
            if places == 2
            else (f"Keys: 1 to {places} for the pictures, from left to right.")
        )
    return {
        "prompt": prompt or default,
        "about": "You will see one question after the other. There is no time limit: look as long "
        "as you need, then choose. A choice cannot be taken back.",
        "hint": f"Touch or click your choice. {keys}",
        "consent": consent,
        "captions": [CAPTIONS[name] for name in above],
        "labels": list(LABELS) if question == REAL_OR_FAKE else None,
    }


def page_files(texts: dict[str, Any]) -> dict[str, bytes]:
    """The files of the participants' page, by name, without `study.json` and the sessions."""
    page = render_page("study/page.html", study=texts, policy=POLICY)
    assets = ("style.css", "session.js", "page.js")
    return {"index.html": page.encode()} | {name: asset(name) for name in assets}


def mturk_template(texts: dict[str, Any], questions: int, practice: int) -> str:
    """The HTML of a HIT of so many questions, the first of them practice."""
    return render_page(
        "study/mturk.html",
        study=texts,
        numbers=range(1, questions + 1),
        practice=practice,
        style=Markup(asset("style.css").decode()),
        script=Markup(asset("session.js").decode()),
    )


def asset(name: str) -> bytes:
    """A file beside this one."""
    return (_HERE / name).read_bytes()
