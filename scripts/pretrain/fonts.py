"""Which fonts are drawn, and which of their characters are not: everything that shows a digit."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

FONT_ROOT = Path("/usr/share/fonts")

HAND_FONTS: dict[str, tuple[str, ...]] = {
    "fonts-breip": ("truetype/breip/Breip.ttf",),
    "fonts-comic-neue": ("opentype/comic-neue/ComicNeue-Regular.otf",),
    "fonts-dancingscript": ("opentype/dancingscript/DancingScript-Regular.otf",),
    "fonts-dkg-handwriting": ("truetype/fifthhorseman/dkg.ttf", "truetype/fifthhorseman/dkgIt.ttf"),
    "fonts-dustin": (
        "truetype/dustin/Domestic_Manners.ttf",
        "truetype/dustin/It_wasn_t_me.ttf",
        "truetype/dustin/Junkyard.ttf",
    ),
    "fonts-ecolier-court": ("truetype/ecolier-court/Ecolier-court.ttf",),
    "fonts-femkeklaver": ("truetype/femkeklaver/femkeklaver.ttf",),
    "fonts-humor-sans": ("truetype/humor-sans/Humor-Sans.ttf",),
    "fonts-isabella": ("truetype/isabella/Isabella.ttf",),
    "fonts-kaushanscript": ("opentype/kaushanscript/KaushanScript-Regular.otf",),
    "fonts-kiloji": ("truetype/kiloji/kiloji.ttf", "truetype/kiloji/kiloji_d.ttf"),
    "fonts-klaudia-berenika": ("truetype/klaudia-berenika/Klaudia.ttf",),
    "fonts-klee": ("truetype/klee/KleeOne-Regular.ttf",),
    "fonts-kristi": ("truetype/kristi/Kristi.ttf",),
    "fonts-lobstertwo": ("opentype/lobstertwo/LobsterTwo-Regular.otf",),
    "fonts-lxgw-wenkai": ("truetype/lxgw-wenkai/LXGWWenKai-Regular.ttf",),
    "fonts-rufscript": ("truetype/rufscript/Rufscript010.ttf",),
    "fonts-seto": ("truetype/seto/setofont.ttf",),
    "fonts-sjfonts": ("truetype/sjfonts/Delphine.ttf", "truetype/sjfonts/SteveHand.ttf"),
    "fonts-smc-chilanka": ("opentype/malayalam/Chilanka-Regular.otf",),
    "fonts-summersby": ("truetype/summersby/summersby.ttf",),
    "fonts-tomsontalks": ("truetype/tomsontalks/TomsonTalks.ttf",),
}
PRINT_FONTS: dict[str, tuple[str, ...]] = {
    "fonts-comfortaa": ("truetype/comfortaa/Comfortaa-Regular.ttf",),
    "fonts-dejavu-core": (
        "truetype/dejavu/DejaVuSans.ttf",
        "truetype/dejavu/DejaVuSansMono.ttf",
        "truetype/dejavu/DejaVuSerif-Bold.ttf",
    ),
    "fonts-dejavu-extra": ("truetype/dejavu/DejaVuSerif-Italic.ttf",),
    "fonts-freefont-ttf": (
        "truetype/freefont/FreeMono.ttf",
        "truetype/freefont/FreeSansOblique.ttf",
        "truetype/freefont/FreeSerif.ttf",
    ),
    "fonts-junicode": ("opentype/junicode/JunicodeTwoBeta-Italic.otf",),
    "fonts-liberation": ("truetype/liberation/LiberationSerif-Italic.ttf",),
    "fonts-linuxlibertine": ("opentype/linux-libertine/LinBiolinum_R.otf",),
    "fonts-nanum": (
        "truetype/nanum/NanumMyeongjo.ttf",
        "truetype/nanum/NanumSquareRoundR.ttf",
    ),
    "fonts-noto-cjk": ("opentype/noto/NotoSansCJK-Regular.ttc",),
    "fonts-noto-core": ("truetype/noto/Noto*-Regular.ttf",),
    "fonts-opendyslexic": ("opentype/opendyslexic/OpenDyslexic-Regular.otf",),
    "fonts-quicksand": ("truetype/quicksand/Quicksand-Light.ttf",),
    "fonts-sil-andika": ("truetype/andika/Andika-Regular.ttf",),
    "fonts-symbola": ("truetype/ancient-scripts/Symbola_hint.ttf",),
    "fonts-ubuntu-title": ("truetype/ubuntu-title/Ubuntu-Title.ttf",),
    "fonts-yanone-kaffeesatz": ("opentype/yanone-kaffeesatz/YanoneKaffeesatz-Regular.otf",),
}
EMOJI_PACKAGE = "fonts-noto-color-emoji"
EMOJI_FONT = "truetype/noto/NotoColorEmoji.ttf"

# Scripts of numbers, duplicates of another font of the same script, and sign languages.
SKIPPED_FONTS = re.compile(r"Numerals|Numbers|SignWriting|Tangut|Nushu|TifinaghA|TifinaghH|Display")

NUMBER_WORDS = re.compile(
    r"\b(DIGITS?|NUMBERS?|NUMERALS?|NUMERIC|FRACTION|ZERO|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|"
    r"NINE|TEN|ELEVEN|TWELVE|SIXTEEN|EIGHTEEN|TWENTY|THIRTY|FORTY|FIFTY|HUNDRED|THOUSAND|HALF|"
    r"QUARTER|THIRD|SECOND|FIRST|TONE|CLOCK|CALENDAR|DATE|PLAYING CARD|MAHJONG|DOMINO|DIE FACE|"
    r"TELEGRAPH SYMBOL|TIME SIGNATURE|HIEROGLYPH Z\w+|COUNTING ROD|TALLY|EPACT|OCLOCK|RECYCLING|"
    r"OTTAVA|QUINDICESIMA)\b"
)
# Pictures whose drawing shows digits, found by looking at the contact sheets.
PICTURES_WITH_DIGITS = re.compile(
    r"KEYCAP|INPUT|EIGHTEEN|BILLIARDS|MEDAL|CLOCK|WATCH|CALENDAR|DATE|SLOT MACHINE|HUNDRED|"
    r"BANKNOTE|SQUARED|TICKET|ABACUS|ATM|TELEPHONE|MOBILE|PAGER|FAX|RULER|THERMOMETER|SPEEDOMETER|RECEIPT|"
    r"STOPWATCH|TIMER|RUNNING SHIRT|CREDIT CARD|POCKET|BAR CHART|PAGE|BOX WITH|COUNTER|PRINTER|"
    r"TRAM|TROLLEYBUS|LEVEL SLIDER|CONTROL KNOBS|HOTEL|CONVENIENCE|RECEIVER|GAME DIE|MONEY|DOLLAR"
)


@dataclass(frozen=True)
class FontFile:
    """A font file, and whether its characters look written rather than printed."""

    path: Path
    handwritten: bool


def shows_digit(char: str) -> bool:
    """Whether Unicode gives the character a numeric value, or its name or parts speak of one."""
    parts = unicodedata.normalize("NFKD", char)
    if any(_is_number(part) for part in (char, *parts)):
        return True
    name = unicodedata.name(char, "")
    if unicodedata.category(char)[0] == "L" and name.startswith("CJK UNIFIED"):
        return False
    if unicodedata.category(char)[0] == "S" and PICTURES_WITH_DIGITS.search(name):
        return True
    numbered = any(letter.isdigit() for letter in name) and not name.startswith("BRAILLE")
    return numbered or bool(NUMBER_WORDS.search(name))


def _is_number(char: str) -> bool:
    return unicodedata.category(char)[0] == "N" or unicodedata.numeric(char, None) is not None


def list_fonts() -> list[FontFile]:
    """All fonts to draw, in a fixed order.

    Raises:
        SystemExit: Fonts are missing; the message names the Debian packages to install.
    """
    _require({**HAND_FONTS, **PRINT_FONTS, EMOJI_PACKAGE: (EMOJI_FONT,)})
    found = [
        FontFile(path, handwritten)
        for fonts, handwritten in ((HAND_FONTS, True), (PRINT_FONTS, False))
        for patterns in fonts.values()
        for pattern in patterns
        for path in sorted(FONT_ROOT.glob(pattern))
    ]
    return [font for font in found if not SKIPPED_FONTS.search(font.path.name)]


def _require(fonts: dict[str, tuple[str, ...]]) -> None:
    missing = [
        package
        for package, patterns in fonts.items()
        if not all(any(FONT_ROOT.glob(pattern)) for pattern in patterns)
    ]
    if missing:
        raise SystemExit(
            f"fonts of {len(missing)} Debian packages are missing; install them with\n"
            f"  apt-get install --no-install-recommends {' '.join(missing)}"
        )
