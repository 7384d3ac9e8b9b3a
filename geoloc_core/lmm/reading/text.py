"""A reply's characters made plain before anything is read from them, in time that grows with their number only."""

from __future__ import annotations

import re
import unicodedata

HEAD, TAIL = 20_000, 40_000  # characters looked at of a longer reply: answers stand at its beginning or its end
_LINE = 1_000
_SIGNS = {
    **dict.fromkeys("º˚⁰∘゜", "°"),
    **dict.fromkeys("´＇", "′"),
    **dict.fromkeys("˝＂″", "″"),
    "－": "-",
    "⁻": "−",
    "٫": ".",
    "،": ",",
    "؛": ";",
}
_MARKUP = (
    (re.compile(r"&(?:deg|#176|#xb0);|\\u00b0|\^?\s?\{?\\(?:circ|degree)\b\}?", re.IGNORECASE), "°"),
    (re.compile(r"&(?:prime|#8242);|\^\{?\\prime\}?"), "′"),
    (re.compile(r"&(?:Prime|#8243);|\^\{?\\prime\\prime\}?"), "″"),
    (re.compile(r"&(?:minus|#8722);|\\u2212"), "−"),
    (re.compile(r"&nbsp;|\\[,;:!](?=\s?[\\\dNSEW])"), " "),
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s?\{([^{}\n]{0,40})\}"), r"\1"),
    (re.compile(r"\$([^$\n]{0,80}°[^$\n]{0,40})\$"), r"\1"),
    (re.compile(r"</?(?:b|i|u|em|strong|span|code|p|br|li|td|tr|div|sup)\s?/?>", re.IGNORECASE), " "),
    (re.compile(r"\b(?:minus|negative)\s(?=\d)", re.IGNORECASE), "-"),
    (re.compile(r"(?<=\d)(?=(?:lat|lon|lng))", re.IGNORECASE), " "),
    (re.compile(r"\b(lat(?:itude)?|lon(?:gitude)?|lng)_?(?=[-−]?\d)", re.IGNORECASE), r"\1 "),
)
_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning|scratchpad)>(.*?)(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning|scratchpad)>", re.IGNORECASE)


class _Plain(dict[int, str]):
    """What becomes of each character; one by one, as normalising long runs of marks together takes quadratic time."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code < 0x80:
            return character if code >= 0x20 and code != 0x7F else " " if character in "\v\f" else ""
        if known := _SIGNS.get(character):
            return known
        category = unicodedata.category(character)
        if category[0] == "C":
            return ""
        if category[0] == "Z":
            return " " if category == "Zs" else "\n"
        if category == "Nd":
            return str(unicodedata.decimal(character))
        return unicodedata.normalize("NFKC", character)


_PLAIN = _Plain({ord("\n"): "\n", ord("\t"): "\t", ord("\r"): "\n"})


def plain(text: str) -> str:
    """`text` without control, bidirectional and other unseen characters, in compatibility form, with ASCII digits."""
    return text.translate(_PLAIN)


def tidy(text: str) -> tuple[str, bool]:
    """The part of a reply to read, made plain and freed of degree signs in HTML and LaTeX, and whether it is a part."""
    clipped = len(text) > HEAD + TAIL
    if clipped:
        head, tail = text[:HEAD], text[-TAIL:]  # whole lines of it: half a number is another number
        head = head[: head.rfind("\n", HEAD - _LINE)] if "\n" in head[-_LINE:] else head
        tail = tail[tail.find("\n") :] if "\n" in tail[:_LINE] else tail
        text = f"{head}\n\n[...]\n\n{tail}"
    text = plain(text)[: 2 * (HEAD + TAIL)]  # a single character can become 18
    for pattern, sign in _MARKUP:
        text = pattern.sub(sign, text)
    return text, clipped


def line(text: str, limit: int) -> str:
    """`text` for a person: plain, on one line, at most `limit` characters."""
    words = " ".join(plain(text[: 4 * limit]).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def without_thoughts(text: str) -> tuple[str, str]:
    """(answer, thoughts) of a reply whose model thinks aloud between tags; the opening or closing tag may be "
    "missing."""
    thoughts = [match[2] for match in _THOUGHT.finditer(text)]
    answer = _THOUGHT.sub("\n", text)
    if ends := list(_THOUGHT_END.finditer(answer)):
        thoughts.append(answer[: ends[-1].start()])
        answer = answer[ends[-1].end() :]
    return answer, "\n".join(thoughts)
