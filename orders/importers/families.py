"""Derive a product family from an English gift-shop description. Pure, and only a help.

The demo shop's file names no families, so they are read from the descriptions by this rule:
words are looked at from the last to the first, because English puts the thing itself last
("white hanging heart T-LIGHT holder", "vintage floral TRAY"); the first word that stands in the
table below, as it is or without its plural, decides. A description without such a word has no
family. What is filled this way is marked in ``Product.derived_fields``.
"""

import re

_WORD = re.compile(r"[A-Z][A-Z'-]*[A-Z]|[A-Z]")

_HEADS = {
    "Bags & purses": (
        "BAG HANDBAG WASHBAG PURSE WALLET SATCHEL RUCKSACK LUGGAGE SHOPPER BACKPACK TOTE"
    ),
    "Bathroom & care": "SOAP TOWEL BATH TOOTHBRUSH SPONGE TISSUE TISSUES PLASTER PLASTERS LOTION",
    "Candles & lights": (
        "CANDLE T-LIGHT TEALIGHT LANTERN LIGHT LIGHTS LAMP LAMPSHADE CANDLEHOLDER CANDLESTICK "
        "INCENSE BURNER CHANDELIER LIGHTBULB VOTIVE"
    ),
    "Cards & stationery": (
        "CARD NOTEBOOK NOTEPAD JOURNAL SKETCHBOOK PENCIL PEN PENS STICKER ENVELOPE DIARY STAMP "
        "MAGNET PAPERWEIGHT BOOK RUBBER ERASER CHALK CALCULATOR CALENDAR POSTCARD PASSPORT TAG"
    ),
    "Christmas & Easter": (
        "CHRISTMAS XMAS SANTA REINDEER SNOWMAN SNOWFLAKE ADVENT BAUBLE EASTER STOCKING "
        "ANGEL NATIVITY"
    ),
    "Clocks & frames": "CLOCK FRAME MIRROR PICTURE PHOTO PLAQUE SIGN BLACKBOARD NOTICEBOARD ALBUM",
    "Craft & sewing": (
        "KIT FELTCRAFT SEWING RIBBON PATCH PATCHES TAPE KNITTING BUTTON CROCHET MOULD EMBROIDERY"
    ),
    "Decoration": (
        "DECORATION GARLAND WREATH ORNAMENT HEART STAR FLOWER VASE CABINET KNOB LETTER FEATHER "
        "FIGURE DOVE BUTTERFLY BIRD CHIME MOBILE WINDMILL BELL DOILY ROSE"
    ),
    "Garden": (
        "GARDEN WATERING PLANTER PLANT SEED PARASOL BIRDHOUSE TROWEL GNOME THERMOMETER TABLE "
        "CHAIR BENCH UMBRELLA"
    ),
    "Gift wrap": "WRAP GIFTWRAP",
    "Home textiles": (
        "CUSHION QUILT CURTAIN DOORMAT RUG THROW TABLECLOTH PLACEMAT NAPKIN APRON COSY BLANKET "
        "BUNTING"
    ),
    "Hooks & storage": (
        "HOOK HANGER RACK BASKET BOX DRAWER STORAGE ORGANISER SHELF TIDY CRATE TRUNK STAND BIN "
        "BUCKET CASE DOORSTOP CONTAINER TUBE CHEST"
    ),
    "Jewellery": (
        "NECKLACE BRACELET EARRINGS EARRING RING CHARM BROOCH PENDANT BANGLE HAIRCLIP HAIR "
        "KEYRING BEAD TRINKET CLIP"
    ),
    "Kitchen & dining": (
        "MUG CUP BOWL PLATE TRAY JUG TEAPOT TEACUP BEAKER BOTTLE GLASS CUTLERY SPOON FORK KNIFE "
        "TIN "
        "JAR CAKESTAND SAUCER COASTER EGG CAKE BAKING PAN DISH KETTLE TEA COFFEE JAM LUNCH PANTRY "
        "WARMER TEASPOON RAMEKIN COLANDER WHISK FUNNEL POT SAUCEPAN GOBLET TUMBLER STRAW"
    ),
    "Party": "BALLOON PARTY BIRTHDAY CONFETTI MASK PICNIC",
    "Toys & games": (
        "DOLL TOY GAME PUZZLE JIGSAW TEDDY RABBIT BUNNY SPINNER SKITTLES DOMINOES YOYO KITE "
        "MARBLES GLIDER WHISTLE HORSE DINOSAUR PUPPET SNAKES LUDO SPACEBOY DOLLY TRAIN ROBOT"
    ),
}
# "cake cases" hold cakes, not luggage: what comes in pairs is looked at first.
_PAIRS = {
    ("CAKE", "CASES"): "Kitchen & dining",
    ("CAKE", "STAND"): "Kitchen & dining",
    ("LUNCH", "BOX"): "Kitchen & dining",
    ("TEA", "TOWEL"): "Kitchen & dining",
    ("GIFT", "TAG"): "Gift wrap",
    ("CUSHION", "COVER"): "Home textiles",
    ("GLASSES", "CASE"): "Bags & purses",
}
_FAMILY_OF = {word: family for family, words in _HEADS.items() for word in words.split()}


def family_of(description: str) -> str:
    """Return the family that the description names, or an empty text.

    >>> family_of("WHITE HANGING HEART T-LIGHT HOLDER")
    'Candles & lights'
    >>> family_of("PACK OF 72 RETROSPOT CAKE CASES")
    'Kitchen & dining'
    >>> family_of("set of 3 cake tins pantry design")
    'Kitchen & dining'
    >>> family_of("JUMBO BAG RED RETROSPOT")
    'Bags & purses'
    >>> family_of("SOMETHING ELSE")
    ''
    """
    words = _WORD.findall(description.upper())
    for first, second in zip(reversed(words[:-1]), reversed(words[1:]), strict=True):
        if family := _PAIRS.get((first, second)):
            return family
    return next((family for word in reversed(words) if (family := _lookup(word))), "")


def _lookup(word: str) -> str:
    """Find a word as it is, or without the plural's ``S`` or ``ES``."""
    for form in (word, word.removesuffix("S"), word.removesuffix("ES")):
        if family := _FAMILY_OF.get(form):
            return family
    return ""
