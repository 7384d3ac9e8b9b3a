"""Which of the coordinates in a reply it settled on, and which it only mentions or rules out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from geoloc_core.lmm.reading.found import Found

_REACH = 250  # characters between "Final answer" and the coordinates
_NOUNS = "answer|estimate|guess|prediction|coordinates?|location|decision|result|conclusion|position"
_FINAL = re.compile(
    rf"\bfinal\s(?:\w+\s)?(?:{_NOUNS})\b|\*\*\W{{0,3}}final\W{{0,3}}\*\*|^\W{{0,8}}final\W{{0,4}}:|\\boxed|<answer>"
    rf"|\b(?:my|the) answer\b|"
    rf"^\W{{0,8}}(?:answer|conclusion)\W{{0,4}}(?::|$)|\bbest (?:\w+ )?(?:guess|estimate|prediction)\b"
    rf"|\bmy (?:\w+ )?(?:guess|estimate|prediction)\b|"
    r"réponse finale|meilleure (?:estimation|supposition)|respuesta final|mejor (?:estimación|suposición)"
    r"|resposta final|melhor (?:estimativa|palpite)|"
    r"risposta finale|stima migliore|miglior(?:e)? (?:stima|ipotesi)|endgültige antwort|(?:finale|beste) (?:antwort"
    r"|schätzung)|"
    r"итоговый ответ|最终答案|最終答案|最佳(?:估计|猜测)|最終回答|最終的な(?:回答|答え)|최종 (?:답|답변)",
    re.IGNORECASE | re.MULTILINE,
)
_LIKELY = re.compile(
    r"\bmost likely\b|\b(?:I|I'd|I would) (?:\w+ )?(?:guess|say|estimate|settle|conclude)"
    r"|\bestimated (?:coordinates|location|position)|"
    r"\b(?:therefore|thus|overall|in conclusion)\b|(?:^|\n)\W{0,4}(?:coordinates|location)\W{0,4}:",
    re.IGNORECASE,
)
_LESSER = re.compile(
    r"\b(?:second|third|next|alternative|initial|first|other|runner-?up|previous|2nd|3rd|fallback|secondary|not my"
    r"|isn't my|not the|earlier|if my|until)"
    r"\W{1,3}(?:\w+\W)?$",
    re.IGNORECASE,
)
_TRAILING = re.compile(r"^[^\n.!?]{0,25}?(?:\bis|\bas|\bare|=|[–—-])\s(?:my|the|a)?\s?$", re.IGNORECASE)
_NAMES = (
    r"(?:[\s(,]+(?:at|in|near|from|the|around|located|coordinates?|location|to|be|"
    r"think|believe|that|within|of|by|it|is|[A-ZÀ-Þ][\w'’-]{0,30})){0,6}[\s(\[,:*]{0,5}$"
)
_DENIED = re.compile(
    r"\b(?:[Nn]ot|[Ii]sn't|[Ww]asn't|[Nn]either|[Nn]or|[Rr]ather than|[Ii]nstead of|[Uu]nlike|[Rr]ul(?:ed?|ing) out"
    r"|[Ee]xclud(?:e|ing)|[Ee]xcept|"
    r"[Nn]icht|[Nn]o es|[Pp]as|[Nn]ão|[Nn]on)\b" + _NAMES
)
_MENTIONED = re.compile(
    r"e\.g\.|\b(?:for (?:example|instance)|such as|examples?|placeholder|format(?:ted)?|looks? like this"
    r"|par exemple|por ejemplo|z\. ?B\.|"
    r"neighbou?rs?|neighbou?ring|similar|similarity|retrieved|reference|references|farthest|far from|away from"
    r"|database|alternative(?:ly)?|"
    r"could also|possibilit(?:y|ies)|second(?:ary)?|less likely|initial(?:ly)?|first (?:guess|thought|considered)"
    r"|runner-?up|fallback|provided|"
    r"near points?|query|\bvs\.?|compared? (?:to|with)|km from|kilomet(?:er|re)s from|miles from)\b"
    r"|例如|比如|近邻|相似",
    re.IGNORECASE,
)
_ALSO = re.compile(
    r"[^.;\n]{0,40}?\b(?:(?:is|are|was|were|would be) (?:also|another|less|an alternative|far)|less likely)\b",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:but|however|instead I|so|therefore|thus|hence|I (?:estimate|guess|think|would|place|settle)|suggest\w*"
    r"|points? to)\b"
)


def settle(text: str, found: Sequence[Found], objects: Sequence[Found], mentions: bool) -> Found | None:
    """The coordinates that a reply means, or None.

    What a label calls final goes first, then the last JSON, then what a label calls likely, then what comes last. What
    the reply rules out never counts; examples, neighbours and second choices do not either, but for `mentions`.

    Args:
        text: the tidy reply.
        found: all coordinates in it, in order.
        objects: those of `found` that stand in JSON.
        mentions: take what it only mentions, if there is nothing else.
    """
    stated = [one for one in found if not _DENIED.search(_before(text, one, 90))]
    pool = _own(text, stated) or (stated if mentions else [])
    usable = [one for one in pool if one.sure or not one.fault]
    pool = [one for one in pool if one.sure] or usable
    last_objects = [one for one in objects if one in pool]
    return (
        _labelled(text, usable, _FINAL)
        or (last_objects[-1] if last_objects else None)
        or _labelled(text, pool, _LIKELY)
        or (pool[-1] if pool else None)
    )


def _labelled(text: str, found: Sequence[Found], label: re.Pattern[str]) -> Found | None:
    """The coordinates beside the last such label that has any."""
    for match in reversed(list(label.finditer(text))[-100:]):
        if _LESSER.search(text[max(0, match.start() - 30) : match.start()]):
            continue
        before = [one for one in found if one.end <= match.start() <= one.end + 40]
        if before and _TRAILING.match(text[before[-1].end : match.start()]):
            return before[-1]
        behind = [one for one in found if match.end() - 3 <= one.start <= match.end() + _REACH]
        if behind:
            return behind[0]
    return None


def _before(text: str, one: Found, reach: int) -> str:
    """The end of the sentence before some coordinates."""
    return re.split(r"[!?]\s|(?<!e\.g)(?<!\bvs)\.\s|\n|;", text[max(0, one.start - reach) : one.start])[-1]


def _own(text: str, found: Sequence[Found]) -> list[Found]:
    """Without those that a reply only mentions, and lists of such."""
    own, last, mentioned = [], 0, False
    for one in found:
        listed = mentioned and re.fullmatch(r"[\s;,()\[\]]{0,6}(?:and)?[\s(\[]{0,3}", text[last : one.start])
        mentioned, last = bool(listed) or _mentioned(text, one), one.end
        if not mentioned:
            own.append(one)
    return own


def _mentioned(text: str, one: Found) -> bool:
    if _ALSO.match(text, one.end):
        return True
    before = _before(text, one, 120)
    words = list(_MENTIONED.finditer(before))
    if not words:
        return False
    return not _TURN.search(before, words[-1].end())
