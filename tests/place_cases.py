"""Texts as OCR gives them, written for the names of places: where each stands, and texts whose names mislead."""

from __future__ import annotations

# text (lines by " / ") | country | lat, lon
HITS = """
Stadt Köln / Neusser Straße / Innere Kanal Straße | DE | 50.94, 6.95
StadtKöln / Amt für Straßen | DE | 50.94, 6.95
50667 Koln | DE | 50.94, 6.95
KOELN HBF | DE | 50.94, 6.95
Wilhelmsburger Insel Park | DE | 53.50, 10.00
på Amager s... | DK | 55.66, 12.60
Københavns Kommune | DK | 55.68, 12.57
Aarhus Universitet | DK | 56.16, 10.20
Apple Park / Visitor Center | US | 37.33, -122.01
Main Beach / Surfers Paradise / Broadbeach / Nerang | AU | -28.01, 153.41
Poole / DORSE | GB | 50.72, -1.98
Alt Hammoor / Notruf 112 | DE | 53.71, 10.32
City of Bath / Council offices | GB | 51.38, -2.36
Reading Borough Council | GB | 51.45, -0.97
Ville de Nice / Police Municipale | FR | 43.70, 7.27
Comune di Firenze | IT | 43.77, 11.25
COMUNEDI VERONA | IT | 45.44, 10.99
Ayuntamiento de Sevilla | ES | 37.39, -5.98
Ajuntament de Girona | ES | 41.98, 2.82
Ajuntament de Barcelona | ES | 41.39, 2.17
Urząd Miasta Krakowa / ul. Grodzka | PL | 50.06, 19.94
00-950 Warszawa | PL | 52.23, 21.01
Gdansk Glowny | PL | 54.35, 18.65
Helsingin kaupunki | FI | 60.17, 24.94
Tampereen yliopisto | FI | 61.50, 23.77
Stockholms stad | SE | 59.33, 18.06
Göteborgs Stad / Parkering | SE | 57.71, 11.97
Malmo Central | SE | 55.60, 13.00
Oslo kommune | NO | 59.91, 10.75
Bergen bybane / Bergen kommune | NO | 60.39, 5.32
Hlavní město Praha / Pražská | CZ | 50.08, 14.43
Statutární město Brno | CZ | 49.20, 16.61
Bratislava hlavná stanica | SK | 48.15, 17.11
Budapesti Közlekedési Központ | HU | 47.50, 19.04
Primăria Municipiului Cluj-Napoca | RO | 46.77, 23.60
Primaria Brasov | RO | 45.65, 25.60
Grad Zagreb / Trg bana | HR | 45.81, 15.98
Ljubljanska banka / Mestna občina Ljubljana | SI | 46.05, 14.51
Београд / Београдска | RS | 44.80, 20.47
Московская улица / Москва | RU | 55.75, 37.62
Київська міська рада / Київ | UA | 50.45, 30.52
Столична община София | BG | 42.70, 23.32
Δήμος Αθηναίων / Αθήνα | GR | 37.98, 23.73
ΘΕΣΣΑΛΟΝΙΚΗ / Thessaloniki | GR | 40.64, 22.94
Istanbul Büyükşehir Belediyesi | TR | 41.01, 28.98
ANKARA BUYUKSEHIR BELEDIYESI | TR | 39.93, 32.86
Câmara Municipal de Lisboa | PT | 38.72, -9.14
Câmara Municipal do Porto | PT | 41.15, -8.61
Prefeitura de Curitiba | BR | -25.43, -49.27
Prefeitura Municipal de Florianópolis | BR | -27.60, -48.55
Municipalidad de Rosario | AR | -32.95, -60.64
Alcaldía de Medellín | CO | 6.24, -75.58
Municipalidad de Arequipa | PE | -16.40, -71.54
Gobierno de Guadalajara Jalisco | MX | 20.67, -103.35
Ayuntamiento de Mérida Yucatán | MX | 20.97, -89.62
Portland, OR 97201 | US | 45.52, -122.67
Springfield, Illinois | US | 39.80, -89.64
AUSTIN, TX 78701 | US | 30.27, -97.74
Seattle Public Library | US | 47.61, -122.33
City of Chicago / Department of Transportation | US | 41.88, -87.63
SAN FRANCISCO / MUNICIPAL RAILWAY | US | 37.77, -122.42
Welcome to Fabulous Las Vegas Nevada | US | 36.17, -115.14
Boise, Idaho | US | 43.62, -116.21
City of Vancouver BC | CA | 49.25, -123.12
Ville de Montréal / Stationnement | CA | 45.51, -73.56
Toronto Transit / Toronto | CA | 43.70, -79.40
Halifax, Nova Scotia | CA | 44.65, -63.57
Brisbane City Council | AU | -27.47, 153.03
Wollongong NSW 2500 | AU | -34.43, 150.89
Auckland Council | NZ | -36.85, 174.76
Christchurch City Council | NZ | -43.53, 172.63
Dublin City Council / Baile Átha Cliath | IE | 53.33, -6.25
Cork County Council | IE | 51.90, -8.47
Glasgow Central | GB | 55.87, -4.26
Newcastle upon Tyne | GB | 54.97, -1.61
Aberystwyth | GB | 52.42, -4.08
LEEDS TOWN HALL | GB | 53.80, -1.55
Frankfurt (Oder) | DE | 52.34, 14.55
Frankfurt am Main | DE | 50.11, 8.68
Halle/Saale Hauptbahnhof | DE | 51.48, 11.97
Universität Heidelberg | DE | 49.41, 8.69
Freie Hansestadt Bremen | DE | 53.08, 8.81
DusseldorfHbf | DE | 51.22, 6.78
Landeshauptstadt Muenchen | DE | 48.14, 11.57
Zürcher Kantonalbank / Stadt Zürich | CH | 47.37, 8.54
Ville de Genève | CH | 46.20, 6.15
LUZERN | CH | 47.05, 8.31
Wiener Linien / Stadt Wien | AT | 48.21, 16.37
Innsbruck Hbf | AT | 47.26, 11.39
Graz Hauptbahnhof | AT | 47.07, 15.44
Gemeente Utrecht | NL | 52.09, 5.12
Amsterdam Centraal | NL | 52.37, 4.90
Gemeente 's-Hertogenbosch | NL | 51.70, 5.30
Stad Gent | BE | 51.05, 3.72
Ville de Liège | BE | 50.64, 5.57
Commune de Luxembourg / Gare | LU | 49.61, 6.13
Aix-en-Provence | FR | 43.53, 5.45
Lyon Part-Dieu / Ville de Lyon | FR | 45.75, 4.85
SAINT-ETIENNE | FR | 45.43, 4.39
Clermont Ferrand | FR | 45.78, 3.08
Rennes Métropole | FR | 48.11, -1.67
Bordeaux / Mérignac | FR | 44.84, -0.60
L'AQUILA | IT | 42.35, 13.40
Universita degli Studi di Bologna | IT | 44.49, 11.34
Venezia S. Lucia | IT | 45.44, 12.33
Napoli Centrale / Comune di Napoli | IT | 40.85, 14.27
渋谷駅 / Shibuya Station | JP | 35.66, 139.70
京都市 | JP | 35.01, 135.77
大阪市役所 | JP | 34.69, 135.50
札幌 / Sapporo | JP | 43.06, 141.35
高雄市政府 | TW | 22.62, 120.31
台北車站 / Taipei Main Station | TW | 25.05, 121.52
上海市 / Shanghai | CN | 31.23, 121.47
成都市人民政府 | CN | 30.66, 104.07
부산광역시 / Busan | KR | 35.10, 129.03
서울특별시 강남구 | KR | 37.53, 127.02
กรุงเทพมหานคร | TH | 13.75, 100.50
เชียงใหม่ / Chiang Mai | TH | 18.79, 98.98
Kota Bandung / Jl. Asia Afrika | ID | -6.92, 107.61
Kuala Lumpur City Hall | MY | 3.14, 101.69
Thành phố Đà Nẵng | VN | 16.07, 108.22
Quezon City Hall | PH | 14.65, 121.05
Nairobi City County | KE | -1.28, 36.82
City of Cape Town | ZA | -33.93, 18.42
القاهرة | EG | 30.06, 31.25
عمّان / Amman | JO | 31.96, 35.95
תל אביב | IL | 32.08, 34.78
Reykjavíkurborg | IS | 64.14, -21.90
Tallinna linn | EE | 59.44, 24.75
Rīgas dome | LV | 56.95, 24.11
Vilniaus miesto savivaldybė | LT | 54.69, 25.28
Barcelone 12 / Girona 88 / Figueres | ES | 41.6, 2.4
Grenoble 15 km / Chambéry 45 km | FR | 45.3, 5.85
Mannhiem Hauptbahnhof | DE | 49.49, 8.47
Edinburqh Castle | GB | 55.95, -3.19
"""

# text | what it may not be taken for with confidence: the country of the famous place
TRAPS = """
Bar | ME
BAR / OPEN | ME
Nice | FR
Have a nice day | FR
Reading room | GB
Mobile phones | US
Orange | FR
Split | HR
Police | -
POLICE | -
Hotel | -
Centre | -
Open | -
SALE | GB
Bank | -
Parking | -
TAXI | -
most | CZ
Burger King | -
Normal | US
Cork board | IE
Opera | -
Angel | -
Casa | -
Villa | -
Salon | -
Paris Coffee | FR
Café de Paris | FR
Texas Grill | US
Boston Market | US
Philadelphia cream cheese | US
Vienna sausage | AT
Singapore Airlines | SG
Berlin Döner Kebab | DE
Bologna sandwich | IT
Hamburger | DE
Hamburg Hamburger | DE
Chicago pizza | US
New York fries | US
Milano shoes | IT
Oxford shoes | GB
Oxford Street | GB
Cambridge English | GB
Tokyo sushi bar | JP
Pizza Napoli | IT
Pizzeria Bella Napoli | IT
Ristorante Roma | IT
Little Italy | IT
Havana Club | CU
Lisboa nails | PT
Shanghai Restaurant | CN
Bangkok Thai Massage | TH
Washington | US
Lincoln | GB
Victoria | -
Jackson | US
Florence | IT
Sofia | BG
Martina | IT
Kingston | JM
San José | CR
Santa Maria | -
Saint-Pierre | RE
Taste of India | IN
China Wok | CN
Made in Germany | DE
Made in China | CN
Thai Food | TH
India Palace | IN
Istanbul Kebab | TR
Café Vienna | AT
Swiss Watches Geneva Boutique | CH
Manchester United FC | GB
Bermuda shorts | BM
Panama hats | PA
Turkey sandwich | TR
Peru chocolate | PE
Jordan shoes | JO
Chad | TD
Georgia | GE
Jersey shirt | JE
Cologne perfume | DE
Dresden china boutique | DE
Valencia oranges juice | ES
Java coffee | ID
Granada film | ES
Monterey Jack cheese | US
Santa Fe grill | US
London Fashion | GB
L'Oréal Paris | FR
Paris Baguette | FR
Yves Saint Laurent Paris | FR
Hilton | -
Brest | FR
Tours | FR
Vans | FR
Lens | FR
Angers | FR
Man | CI
Of | TR
Men | -
Enter | -
Lima beans | PE
Moscow Mule | RU
Rimini gelato | IT
Sydney Hair Salon | AU
Dallas jeans | US
Wellington boots | NZ
Hollywood Nails | US
Miami Beach Club Disco | US
Stella Artois Leuven | BE
Exit | -
Push | -
Pull | -
Toilet | -
Entrance | -
Ausgang | -
Sortie | -
Salida | -
Uscita | -
Apotheke | -
Farmacia | -
Pharmacie | -
STOP | -
ZONE | -
MARKET | -
Garage | -
"""


def hits() -> list[tuple[str, str, tuple[float, float]]]:
    """(text, ISO 3166 alpha-2, (lat, lon))."""
    rows = (line.rsplit(" | ", 2) for line in HITS.strip().splitlines())
    return [(text.replace(" / ", "\n"), code, tuple(map(float, at.split(",")))) for text, code, at in rows]


def traps() -> list[tuple[str, str]]:
    """(text, country of the famous place or "-")."""
    rows = (line.rsplit(" | ", 1) for line in TRAPS.strip().splitlines())
    return [(text.replace(" / ", "\n"), code) for text, code in rows]
