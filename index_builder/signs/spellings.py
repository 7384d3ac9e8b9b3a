"""Towns in the hand-written tables of assets/signs that the gazetteer spells otherwise."""

from __future__ import annotations

SPELLINGS = {
    "München, DE": "Munich",
    "Washington, D.C., US": "Washington",
    "Wien, AT": "Vienna",
    "Milano, IT": "Milan",
    "Donostia-San Sebastián, ES": "Donostia / San Sebastián",
    "Mahón, ES": "Maó",
    "Gqeberha, ZA": "Port Elizabeth",
    "Roma, IT": "Rome",
    "Štip, MK": "Shtip",
    "Târgu-Mureș, RO": "Târgu Mureş",
    "Khaskovo, BG": "Haskovo",
    "Vitoria-Gasteiz, ES": "Gasteiz / Vitoria",
    "Vinnytsia, UA": "Vinnytsya",
    "Kropyvnytskyi, UA": "Kropyvnytskyy",
    "Rostov-on-Don, RU": "Rostov-na-Donu",
    "Stavropol, RU": "Stavropol’",
    "Nelspruit, ZA": "Mbombela",
    "Dehradun, IN": "Dehra Dūn",
    "Panaji, IN": "Panjim",
    "Quy Nhon, VN": "Qui Nhon",
    "Fukui, JP": "Fukui-shi",
    "Nara, JP": "Nara-shi",
    "Tottori, JP": "Tottori-shi",
    "Mykolaiv, UA": "Mykolayiv",
}
