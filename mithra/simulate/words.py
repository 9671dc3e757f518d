"""Vocabulary of the simulated world: plain words, invented brands, suffixes, hosting words.

Words are ordinary English ones; brands and companies are made up. Public suffixes are real, because eTLD+1
logic needs them; each carries two weights, how often honest owners and attackers choose it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALPHABETS",
    "BENIGN_BRAND_WORDS",
    "BRANDS",
    "CITIES",
    "COMPANY_TAILS",
    "DYNAMIC_SUFFIXES",
    "FIRST_NAMES",
    "KEYWORDS",
    "SAAS_SUFFIXES",
    "SURNAMES",
    "SYLLABLES",
    "TAILS",
    "TLDS",
    "TLD_BENIGN",
    "TLD_CHEAP",
    "TLD_NEFARIOUS",
    "TLD_RDAP",
    "TOPICS",
    "TRADES",
    "WORDS",
]


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(text.split()))


WORDS = _words("""
amber anchor angel apple april arch arctic arrow ash aspen atlas autumn azure badge bamboo banner barn
basil basket bay beacon bear bee bell berry birch bird black blade blaze bloom blossom blue bluff board
bold bone book boost border bottle boulder bowl box branch brass brave bread breeze brick bridge bright
brook brown brush buck bud bunny butter button cabin cactus calm camel camp canal candle canvas canyon
cape card cargo cart castle cat cedar chalk charm chase check cherry chess chief circle citrus clay
clear cliff clock cloud clover coach coast cobalt coffee comet compass copper coral core corner cosmic
cotton cove crane creek crest crimson crow crown crystal cube curve cypress dahlia daisy dance dawn deep
deer delta desert diamond dock dog dolphin door dot double dove dragon dream drift drum duck dune dusk
dust eagle early earth east easy echo edge elder elm ember emerald evergreen fable falcon family farm
feather fern field fig finch fire first fish flame flash fleet flint flow flower flying forest forge
fort fountain fox free fresh frog frost fruit fuse galaxy garden gate gem giant ginger glacier glade
glass globe glow goat gold good goose grain grand grape grass gravel gray great green grid grove guild
gull hammer happy harbor hare harvest haven hawk hazel heart heather hedge heron hickory high hill hive
hollow holly home honey honor hope horizon horn horse house humble hunter ice idea indigo infinite ink
iris iron island ivory ivy jade jasmine jay jet jewel jolly journey jump juniper jungle key kind king
kite knight lake lamp lantern lark laurel lava lavender leaf legend lemon level liberty light lily lime
lion little lively local log long loop lotus loyal lucky lunar lynx magic magnet maple marble marigold
marine market marsh meadow mellow mesa meteor middle mild mill mint mirror mist modern moon moose
morning moss mountain mulberry mustang narrow native navy nectar needle nest new night nimble noble
north nova oak oasis oat ocean olive omega onyx opal open orange orbit orchid origin osprey otter outer
owl oxford oyster palm panda paper park path peach peak pearl pebble pelican pepper petal phoenix piano
pine pink pioneer pixel plain planet plaza plum polar pond poplar poppy prairie prime prism pure purple
quail quartz queen quick quiet quill rabbit rain ranch rapid raven red reed reef regal relay ridge river
road robin rock rocket root rose round royal ruby rustic saddle saffron sage sail salmon salt sand
sapphire scarlet school sea seed senior shade shadow sharp shell shine ship shore sierra silent silk
silver simple sky slate smart smooth snow social soft solar solid song sparrow spice spirit spring
spruce square star steel stone storm story stream street strong studio sugar summer summit sun sunny
sunset super sure swan sweet swift tall tango teal tempo terra thistle thorn thunder tide tiger timber
tiny titan topaz torch tower trail tree true trust tulip tundra turtle twin ultra union unity upper
urban valley vast velvet venture verde vine violet vista vital vivid wave west whale wheat whisper white
wild willow wind window wing winter wise wolf wonder wood world yellow young zebra zen zenith zephyr""")

TRADES = _words("""
accounting architects auto bakery barber beauty bikes boats books brewery builders cafe carpentry
catering ceramics cleaning clinic coaching concrete construction consulting cosmetics dance decor dental
dentist design detailing driving electric electrical engineering events fashion fencing films fitness
flooring florist foods framing furniture gallery gardens glass golf grooming hair heating hotel
insurance interiors jewelry joinery kennels kitchens landscaping laundry law legal lighting logistics
machinery management marine massage mechanics media medical metals motors moving music nails nutrition
optics painting paving pets pharmacy photo photography physio pizza plastics plumbing pools pottery
printing properties realty recruitment removals rentals repairs restaurant roofing salon school security
services signs solar spa sports stables supplies surveying tailor tattoo taxi tech tiles tools tours
toys training transport travel tutoring upholstery vet video weddings welding windows wines yoga""")

COMPANY_TAILS = _words("co group llc ltd inc and-sons team pro works partners associates company solutions")
FIRST_NAMES = _words("""
aaron adam alan alex alice amy andrea andrew angela anna anton ben bianca brian carla carlos carmen
caroline charles chloe chris claire clara daniel david diana diego edward elena eli ella emily emma eric
erik eva felix fiona frank gabriel george gina grace greg hanna hannah harry helen henry hugo ian ines
irene isaac ivan jack jacob james jane janet jason jean jenny jessica joan joe john jonas jose joseph
juan julia julian karen karl kate katie kevin kim lara laura lea leo liam lily linda lisa lucas lucy
luis luke maria mark marta martin mary matt max megan mia michael miguel mike milan monica nadia natalie
nick nicole nina noah nora oliver olivia oscar patrick paul pedro peter petra rachel ralph rebecca
richard robert rosa ruth ryan sam sandra sara sarah scott sean simon sofia sophie stefan steve susan
tara theo thomas tim tina tom tony vera victor wendy will""")
SURNAMES = _words("""
adams allen alvarez anderson bailey baker barnes becker bell bennett berg bishop black boyd bradley
brooks brown bryant burke burns butler campbell carlson carroll carter castro chapman clark cole collins
cook cooper costa cox craig crawford cruz cunningham curtis dale daniels davidson davis dean delgado
diaz dixon douglas doyle duncan dunn edwards elliott ellis evans ferguson fernandez fischer fisher
fleming fletcher flores ford foster fowler fox francis frank freeman fuller garcia gardner gibson
gilbert gomez gonzalez gordon graham grant graves gray greene griffin gross hall hamilton hansen hanson
harper harris harrison hart harvey hawkins hayes henderson henry hernandez hicks hill hoffman holland
holmes hopkins howard hudson hughes hunt hunter jackson jacobs james jenkins jensen johnson jones jordan
keller kelly kennedy kim king klein knight kramer lambert lane larsen larson lawrence lawson lee lewis
lindgren little long lopez lucas lynch marsh marshall martin martinez mason matthews mcbride mccarthy
mcdonald mckay mendez meyer miller mills mitchell moore morales moreno morgan morris morrison mueller
murphy murray myers nelson newman newton nguyen nichols norris novak oliver olsen olson ortega ortiz
owens palmer parker patel patterson payne pearson perez perkins perry peters peterson phillips pierce
porter powell price quinn ramirez ramos ray reed reid reyes reynolds rice richards richardson riley
rivera roberts robinson rogers romero rose ross rossi ruiz russell ryan sanchez sanders santos schmidt
schneider schultz scott shaw silva simmons simpson sims smith snyder spencer stephens stevens stewart
stone sullivan taylor thomas thompson torres tucker turner vargas vega wagner walker wallace walsh ward
warren watkins watson weaver webb weber webster wells west wheeler white williams willis wilson wolf
wood woods wright young zimmerman""")
CITIES = _words("""
aberdeen ashland aurora austin avon bath belmont bergen berlin boston bristol brighton cairo calgary
camden canton carlisle chester clayton clinton cologne dallas dayton denver dover dublin durham easton
essex exeter fairview florence franklin geneva georgetown glasgow granada greenville hamburg hamilton
hampton houston hudson jackson kent kingston leeds lima lincoln lisbon london lyon madison madrid malaga
manchester marion mendoza miami milan milton monterey munich naples newport norwich oakland odessa
orlando oslo oxford paris perth phoenix plymouth porto prague quebec raleigh reno richmond riverside
rome salem salford santiago seattle seville sofia springfield sydney tampa toledo toronto trento tulsa
turin utrecht valencia verona vienna warsaw westport winchester windsor york zurich""")
TOPICS = _words("""
academy art baby bet blog bonus book cars cash chat coin cook craft crypto dating deal diet dream earn
farm fit food forex fun game games gear gift guide health hobby house invest job jobs kids learn life
loan lotto love mail market money movie music news pet phone play poker poems prize recipe review ride
run sale shoes slots smart social sport stock store stream style swap talk team ticket tip token trade
travel tv video vote watch wear win wine work""")
TAILS = _words("""
24 24h 247 360 app base blog box center central city club corner daily deals depot direct expert express
forum guide guru hq hub info lab land lane life line link list live lounge magazine mall market media
mart network now online outlet place planet plus point portal post pro room shop site source space spot
stop store studio team today town trade trend tube web wiki world zone""")
KEYWORDS = _words("""
access account accounts alert app assist auth authorize billing check claim client confirm connect
customer delivery device document help helpdesk id identity info invoice login logon mail manage member
message mobile my notice office online order parcel pay payment portal profile recover recovery refund
register renew reset restore review secure security service session signin sms support suspended tax
team token track tracking transfer unlock update upgrade user valid validate verification verify wallet
web""")
BENIGN_BRAND_WORDS = _words("""
careers jobs status blog docs help support shop store cdn static mail events press partners community
forum fans academy research labs pay payments id login account accounts cloud online app news reviews
parts service dealer stadium arena foundation""")
BRANDS = _words("""
zelkora paylunt veltrano quorbank mondarix fintarel nubrixo ostelvio kargavia trelloway bonkaro lumiveq
postavra dhelmar netfluqa oranqui mailorba klodrix stellqua okravit swiftoma govlanta taxarqa amplivq
bitkestra koinvaro kraxendo metavolq walletriq ledgoraq avantiq hotelmiq dropellu unavolt drivorka
ofiqia tilmsy zumaro skarvone telmorda vodalqi mobitelu uniwoltz enqergo gasparuq supermarq shopundra
borsiq wishorva gamevqo stelmora lobraxo tvitchra fornovq""")

SYLLABLES = _words("""
ba be bi bo bra bre bri bru by ca ce ci co cra cre cu da de di do dra dre du el en er fa fe fi fla flo
fo fra fu ga ge gi gla go gra gu ha he hi ho hu ja jo ju ka ke ki ko kra ku la le li lo lu ly ma me mi
mo mu my na ne ni no nu ny o pa pe pi pla po pra pri pu qua que ra re ri ro ru ry sa se sha she si so
spi sta ste sti su sy ta te ti to tra tri tu ty u va ve vi vo vra wa we wi wo xa xe xi xo ya yo za ze zi
zo zu""")
ALPHABETS = (  # of generated names: one a campaign
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "bcdfghjklmnpqrstvwxz",
    "abcdefghiklmnoprstuvwy",
    "0123456789abcdef",
)

_SUFFIX_TABLE = """
com 44 27 30 1|net 4 3.5 3 1|org 6 2 3 1|de 5 1 1 0|co.uk 4 .8 1 1|com.br 3 .7 1 1
com.au 2.5 .3 .5 1|fr 2.5 .6 .6 1|nl 2 .4 .5 1|it 1.8 .4 .5 0|ca 1.2 .4 .4 1|ru 2 2.5 2 0
pl 1.2 .6 .6 1|in 1.3 1.5 1 1|us .7 1.5 1 1|eu 1 .6 .6 0|io 1.5 .6 .6 0|co 1.2 1.5 1 1|me .6 .8 .6 1
app 1.2 .9 .8 1|dev 1 .6 .5 1|info 1.5 3 3 1|biz .5 .8 1 1|xyz 1.8 6 8 1|top .8 7 7 1
online 1.2 4.5 6 1|site 1 4 5 1|shop 1.4 5 6 1|store .9 2.5 3 1|club .5 1.5 2 1|live .4 1.5 1.5 1
click .3 2 1.5 1|icu .2 2.5 2 1|cyou .15 2 1.5 1|buzz .15 1.2 1 1|vip .3 2 1.5 1|pro .5 .8 1.2 1
cc .4 2 1 1|fun .3 1.2 1.2 1|space .4 1.2 1.2 1|website .4 1.2 1 1|cloud .5 1 1 1|tech .7 .8 1 1
life .4 .9 1 1|lol .1 .5 .4 1|ch 1.2 .2 .2 0|se .9 .2 .2 0|es 1.2 .4 .3 0|be .8 .2 .2 0
at .7 .2 .2 0|com.mx .7 .3 .3 0|com.ar .7 .2 .2 1|co.za .7 .3 .3 0|co.in .6 .7 .5 1
ac.in .2 .05 .01 1|edu.au .1 .02 .01 1|com.co .2 .8 .2 0|tk .2 1 .6 0|ga .1 .6 .4 0|cf .1 .6 .4 0
ai .7 .3 .4 1|tv .4 .3 .3 1|su .1 .4 .1 0|pw .1 .5 .3 1|gov.br .1 .01 .001 0|co.nz .5 .1 .1 0"""
_ROWS = [row.split() for line in _SUFFIX_TABLE.split("\n") for row in line.split("|") if row]
TLDS = [row[0] for row in _ROWS]


def _weights(column: int) -> NDArray[np.float64]:
    weights = np.array([float(row[column]) for row in _ROWS])
    return np.asarray(weights / weights.sum())


TLD_BENIGN = _weights(1)
TLD_NEFARIOUS = _weights(2)
TLD_CHEAP = _weights(3)  # honest owners who buy what is on offer
TLD_RDAP = np.array([row[4] == "1" for row in _ROWS])  # whether RDAP answers under it

# Private suffixes of the Public Suffix List: (suffix, share of honest tenants, share of attackers' tenants)
SAAS_SUFFIXES = [
    ("github.io", 0.17, 0.10),
    ("pages.dev", 0.12, 0.20),
    ("workers.dev", 0.06, 0.14),
    ("netlify.app", 0.09, 0.10),
    ("vercel.app", 0.12, 0.15),
    ("web.app", 0.07, 0.12),
    ("herokuapp.com", 0.07, 0.03),
    ("blogspot.com", 0.09, 0.06),
    ("myshopify.com", 0.08, 0.02),
    ("webflow.io", 0.05, 0.05),
    ("azurewebsites.net", 0.06, 0.02),
    ("gitlab.io", 0.02, 0.01),
]
DYNAMIC_SUFFIXES = [
    ("duckdns.org", 0.5, 0.6),
    ("ddns.net", 0.25, 0.2),
    ("dynv6.net", 0.15, 0.1),
    ("hopto.org", 0.1, 0.1),
]
