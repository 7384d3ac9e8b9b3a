"""Words of many languages that the reader knows: refusals, names of cities and countries, and names that are none."""

from __future__ import annotations

import re

from geoloc_core.places import fold

_REFUSALS = (
    r"\b(?:can ?no[tn]|can'?t|couldn'?t|could not|unable to|not able to|not possible to|impossible to|do(?:es)? not"
    r"|don'?t|won'?t|"
    r"will not|not going to|hard to|difficult to)\s+(?:\w+,?\s+){0,4}(?:determine|identif|tell|provide|assist|help"
    r"|know|say|pinpoint|"
    r"locate|see|view|geolocat|ascertain|give|infer|guess|process|answer|recogni|contain|show enough|have enough"
    r"|have access)",
    r"\b(?:i'?m|i am|we are) (?:very |so |really )?sorry|^\W*sorry\b|\bi apologi[sz]e|\bmy apologies|\bas an? (?:ai"
    r"|language model)",
    r"\b(?:not enough|insufficient|lacks? (?:any |of )?(?:clear |distinct )?) ?(?:\w+ ){0,2}(?:information|details?"
    r"|clues?|context|features?)",
    r"\bno (?:idea|clue)\b|^\W*(?:unknown|undetermined|none|n/?a|null)\W*$",
    r"\b(?:could|might|may) be (?:almost )?anywhere|\blocation (?:is )?(?:unknown|undetermined|indeterminate"
    r"|not determinable)",
    r"\bje ne (?:peux|sais|suis)|\bdésolée?\b|impossible de\b|\bje regrette",
    r"\blo siento|\bno (?:puedo|es posible|sé|me es posible|soy capaz)|\bdisculp[ae]",
    r"\btut mir leid|\b(?:kann|konnte) (?:\w+ ){0,8}nicht|nicht möglich|unmöglich|\bleider\b|keine ahnung|entschuldig",
    r"\bmi dispiace|\bnon (?:posso|è possibile|riesco|so|sono in grado)|\bdesculpe|\bnão (?:posso|é possível"
    r"|consigo|sei)|\bsinto muito",
    r"\bhet spijt|\bkan (?:\w+ ){0,6}niet|\bhelaas|przykro mi|\bnie (?:mogę|jestem w stanie|wiem)|üzgünüm"
    r"|belirleyem|bilmiyorum",
    r"извините|простите|к сожалению|не могу|невозможно|не знаю|не удалось|на жаль",
    r"抱歉|对不起|對不起|无法|無法|不能确定|不知道"
    r"|申し訳|すみません|できません|わかりません|分かりません|不明です|죄송|수 없|모르겠",
    r"آسف|عذر|لا أستطيع|لا يمكن|क्षमा|माफ़|नहीं",
)
REFUSAL = re.compile("|".join(_REFUSALS), re.IGNORECASE)
CONTRAST = re.compile(
    r"\b(?:but|however|though|although|nevertheless|that said|still|best guess|if i had to|if i must|educated guess"
    r"|based on|mais|"
    r"cependant|pero|sin embargo|aber|jedoch|dennoch|però|tuttavia|mas|porém|maar|но|однако|ale)\b|但|不过"
    r"|ただし|しかし|けれど"
    r"|하지만|그러나",
    re.IGNORECASE,
)
_NO_NAMES = """
    unknown none null nil nowhere anywhere somewhere undetermined unclear uncertain indeterminate unidentified
    unspecified n/a na tbd error test yes no ok okay here there earth world europe asia africa america australia
    oceania antarctica north south east west beach forest city town village rural urban street road park mountain
    mountains lake river sea ocean island station desert coast countryside suburb suburbs downtown outdoor outdoors
    indoor indoors home house building hotel restaurant church field valley hill january february march april may
    june july august september october november december spring summer autumn fall winter morning evening night day
    most of the it this that these his her image photo picture location place answer black white red green blue
    likely probably possibly maybe sure hello hi sorry
"""
NOT_PLACES = frozenset(_NO_NAMES.split())
_COUNTRIES = {
    "US": "us, usa, u.s., u.s.a., america, estados unidos, états-unis, vereinigte staaten, stati uniti, "
    "美国, アメリカ, сша",
    "GB": "uk, u.k., great britain, england, royaume-uni, reino unido, regno unito, großbritannien, 英国, イギリス",
    "FR": "frankreich, francia, frança, frankrijk, francja, франция, 法国, フランス, 프랑스",
    "DE": "deutschland, allemagne, alemania, germania, alemanha, duitsland, niemcy, германия, 德国, ドイツ, 독일",
    "IT": "italia, italie, italien, itália, italië, włochy, италия, 意大利, イタリア, 이탈리아",
    "ES": "españa, espagne, spanien, spagna, espanha, spanje, hiszpania, испания, 西班牙, スペイン, 스페인",
    "JP": "japon, japón, japan, giappone, japão, япония, 日本, 일본",
    "CN": "chine, kina, cina, китай, 中国, 中國, 중국",
    "GR": "griechenland, grèce, grecia, grécia, греция, 希腊, ギリシャ",
    "RU": "russie, rusia, russland, rússia, россия, 俄罗斯, ロシア",
    "BR": "brasil, brésil, brasilien, brasile, бразилия, 巴西",
    "MX": "méxico, mexique, mexiko, messico, мексика, 墨西哥",
    "CZ": "czech republic, tschechien, république tchèque, чехия",
    "PT": "португалия, portogallo, 葡萄牙",
    "CH": "schweiz, suisse, suiza, svizzera, suíça, 瑞士, スイス",
    "AT": "österreich, autriche, áustria, 奥地利",
    "NL": "holland, the netherlands, niederlande, pays-bas, países bajos, olanda, holanda, nederland",
    "KR": "korea, republic of korea, 韩国, 韓国, 한국, 대한민국",
    "TR": "türkiye, turquie, turquía, türkei, turchia, турция, 土耳其",
    "PL": "polska, pologne, polonia, polen, польша",
    "AE": "uae, u.a.e.",
    "NO": "norge, norvège, noruega, norwegen, norvegia",
    "SE": "sverige, suède, suecia, schweden, svezia",
    "MA": "maroc, marruecos, marokko, marocco",
    "EG": "égypte, egipto, ägypten, egitto",
    "CD": "drc, dr congo, democratic republic of congo",
    "VN": "viet nam, 越南, ベトナム",
}
_CITIES = {
    "Rome, IT": "roma, rom, 罗马, ローマ, рим",
    "Genève, CH": "geneva, genf, ginebra, ginevra",
    "Köln, DE": "cologne, colonia, keulen",
    "Sevilla, ES": "seville, séville, siviglia",
    "Munich, DE": "münchen, munique, monaco di baviera, 慕尼黑, ミュンヘン",
    "Vienna, AT": "wien, vienne, viena, 维也纳, ウィーン, вена",
    "Florence, IT": "firenze, florenz, florencia, 佛罗伦萨",
    "Venice, IT": "venezia, venedig, venise, venecia, 威尼斯",
    "Milan, IT": "milano, mailand, milán",
    "Lisbon, PT": "lisboa, lissabon, lisbonne, lisbona, 里斯本",
    "Prague, CZ": "praha, prag, praga, 布拉格",
    "Athens, GR": "athen, athènes, atenas, atene, αθήνα",
    "Moscow, RU": "москва, moskau, moscou, moscú, mosca, 莫斯科",
    "Paris, FR": "parigi, paryż, париж, 巴黎, パリ, 파리",
    "London, GB": "londres, londra, londen, лондон, 伦敦, 倫敦, ロンドン, 런던",
    "Tokyo, JP": "tokio, 东京, 東京, 東京都, токио, 도쿄",
    "Kyoto, JP": "京都, 京都市",
    "Osaka, JP": "大阪, 大阪市",
    "Beijing, CN": "北京, 北京市, peking, pékin, pequín, пекин",
    "Shanghai, CN": "上海, 上海市",
    "Seoul, KR": "서울, 서울시, 首尔, ソウル",
    "New York City, US": "new york, new york city, nueva york, nyc, 纽约",
    "Washington, District of Columbia": "washington d.c., washington dc",
    "Barcelona, ES": "barcelone, 巴塞罗那, барселона",
    "Copenhagen, DK": "københavn, kopenhagen, copenhague",
    "Warsaw, PL": "warszawa, warschau, varsovie",
}


def _table(names: dict[str, str]) -> dict[str, str]:
    """Each foreign name, folded, to the one that our gazetteer knows."""
    return {fold(name): own for own, line in names.items() for name in line.split(", ")}


COUNTRY_CODES = _table(_COUNTRIES)
CITY_NAMES = _table(_CITIES)


def refusal(text: str) -> re.Match[str] | None:
    """Where a text says that it cannot or will not name a place."""
    return REFUSAL.search(text.replace("’", "'"))
