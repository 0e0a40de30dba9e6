"""Text made safe for LaTeX and for Markdown: every character is shown, none is dropped."""

# ruff: noqa: RUF001 - look-alikes are what this file is about.
from __future__ import annotations

import re
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    '"': r"\texttt{\char34}", "`": r"\texttt{\char96}",
    # After a line break `\\` these would be read as its arguments.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip

_SYMBOLS = {
    "±": r"$\pm$", "×": r"$\times$", "÷": r"$\div$", "·": r"$\cdot$", "−": "$-$", "°": r"$^\circ$",
    "¹": "$^1$", "²": "$^2$", "³": "$^3$", "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$",
    "≈": r"$\approx$", "∼": r"$\sim$", "∞": r"$\infty$", "→": r"$\rightarrow$",
    "←": r"$\leftarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "∈": r"$\in$",
    "∅": r"$\emptyset$", "√": r"$\surd$", "∑": r"$\sum$", "∏": r"$\prod$", "∂": r"$\partial$",
    "µ": r"$\mu$", "†": r"$\dagger$", "‡": r"$\ddagger$",
    "–": r"\textendash{}", "—": r"\textemdash{}", "\u2011": "-", "…": r"\ldots{}",
    "‘": r"\textquoteleft{}", "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}",
    "§": r"\S{}", "¶": r"\P{}", "£": r"\pounds{}", "©": r"\copyright{}",
    "\u00a0": "~", "\u2009": r"\,",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}",
    "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}",
}  # fmt: skip

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d",
    "\u0327": "c", "\u0331": "b",
}  # fmt: skip


def _greek(letters: str, names: str) -> dict[str, str]:
    """Letters that look Latin have no command of their own."""
    commands = (f"\\{n}" if len(n) > 1 else f"\\mathrm{{{n}}}" for n in names.split())
    return {letter: f"${c}$" for letter, c in zip(letters, commands, strict=True)}


_SYMBOLS |= _greek(
    "αβγδεζηθικλμνξοπρςστυφχψω",
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi o pi rho "
    "varsigma sigma tau upsilon varphi chi psi omega",
) | _greek(
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "A B Gamma Delta E Z H Theta I K Lambda M N Xi O Pi P Sigma T Upsilon Phi X Psi Omega",
)


def latex(text: str) -> str:
    r"""Escape for LaTeX's running text; the answer is pure ASCII and needs no package.

    Accented Latin letters, Greek and common symbols become commands; any other character is
    shown by its Unicode name in brackets. Runs of white space become one space. The text may
    stand at the start of a table row, after ``\\``.
    """
    text = re.sub(r"[ \t\r\n]+", " ", unicodedata.normalize("NFC", text))
    escaped = "".join(_latex_character(char) for char in text)
    # Without a group between them, "--" would become a dash and "''" a quotation mark.
    return re.sub(r"(?<=([-,']))(?=\1)", "{}", escaped)


def _latex_character(char: str) -> str:
    known = _SPECIAL.get(char) or _SYMBOLS.get(char)
    if known:
        return known
    if " " <= char <= "~":
        return char
    letter, *accent = list(unicodedata.normalize("NFD", char))
    if letter.isascii() and len(accent) == 1 and accent[0] in _ACCENTS:
        return f"\\{_ACCENTS[accent[0]]}{{{letter}}}"
    return "{[}" + unicodedata.name(char, f"U+{ord(char):04X}") + "{]}"


def markdown(text: str) -> str:
    """Escape for GitHub's Markdown, inside or outside a table; line breaks become spaces."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", re.sub(r"\s+", " ", text))
