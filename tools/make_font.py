"""Reduces Latin Modern Math to the characters of formulas: nbs/fonts/latinmodern-math.woff2, for the site.

    python tools/make_font.py latinmodern-math.otf     (of Debian's fonts-lmodern; needs fonttools, brotli)

`make site` fails where a page has a formula with a character that the font lacks."""
import html, re, sys
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent/'nbs/fonts/latinmodern-math.woff2'
CHARACTERS = """20-7E AC B1 B7 D7 131 237 301-303 305 307 308 30C 332 338 393-3A9 3B1-3D6 3F1 3F5
    2016 2026 2032-2034 203E 2043 2044 2057 2061-2064 20D7 210B-2113 2190-2199 21A6 21D0-21D4 2200-22A5
    22C5-22F1 2300 2308-230B 2320 2321 239B-23B4 23DE 23DF 27C2 27E8 27E9 27F5-27FC 2A00-2A02 2A7D 2A7E
    1D400-1D4CF 1D538-1D56B 1D5A0-1D5D3 1D670-1D6A5 1D6A8-1D755
    1D7CE-1D7D7"""

def kept():
    ranges = [[int(o, 16) for o in part.split('-')] for part in CHARACTERS.split()]
    return {c for r in ranges for c in range(r[0], r[-1] + 1)}

def missing(page):
    "The characters of a page's formulas that the font lacks, as a string"
    maths = ''.join(re.findall(r'<math\b.*?</math>', page, flags=re.S))
    maths = re.sub(r'<annotation\b.*?</annotation>|<mtext\b.*?</mtext>|<[^>]+>', '', maths, flags=re.S)
    there = set('\n\t') | {chr(c) for c in kept()}
    return ''.join(sorted(set(html.unescape(maths)) - there))

def main(source):
    from fontTools.ttLib import TTFont
    from fontTools.subset import Options, Subsetter
    options = Options(layout_features=['ssty', 'dtls'], hinting=False, desubroutinize=True)
    options.drop_tables += ['GPOS']
    font = TTFont(source)
    subset = Subsetter(options)
    subset.populate(unicodes=kept())
    subset.subset(font)
    for record in font['name'].names:               # the licence asks for another name
        if record.nameID in (1, 4, 16): record.string = 'Formulas'
    font.flavor = 'woff2'
    font.save(OUT)
    print(f'{OUT.name}: {len(kept())} characters asked for, {OUT.stat().st_size/1000:.0f} kB')

if __name__ == '__main__':
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file(): sys.exit(__doc__)
    main(sys.argv[1])
