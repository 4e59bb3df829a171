#!/usr/bin/env python3
"""Write common/text/bpe_table.h from the Unicode data.

    pip install unicodedata2==16.0.0
    bpe_table.py > bpe_table.h

Unicode 16.0 is what the regex engine of tiktoken 0.14 knows: another version
would give other tokens for the characters that it adds. Two stages up to
U+1FFFF: a block number for each 64 code points, and in each distinct block two
classes a byte. Behind that, where little is assigned, ranges.
"""
import unicodedata2

NAMES = ["OTHER", "LETTER", "LOWER", "UPPER", "MARK", "NUMBER", "SPACE", "NEWLINE"]
SPACES = [*range(9, 14), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b),
          0x2028, 0x2029, 0x202f, 0x205f, 0x3000]
BLOCK = 64
TABLE = 0x20000
LIMIT = 0x110000


def name_of(c):
    category = unicodedata2.category(chr(c))
    if c in (10, 13):
        return "NEWLINE"
    if c in SPACES:
        return "SPACE"
    if category[0] in "MN":
        return "MARK" if category[0] == "M" else "NUMBER"
    return {"Lu": "UPPER", "Lt": "UPPER", "Ll": "LOWER", "Lm": "LETTER", "Lo": "LETTER"}.get(category, "OTHER")


def rows(values, width=24):
    for i in range(0, len(values), width):
        print("\t" + " ".join(f"{v}," for v in values[i:i + width]))


def main():
    assert unicodedata2.unidata_version == "16.0.0"
    classes = [NAMES.index(name_of(c)) for c in range(LIMIT)]
    blocks, index = {}, []
    for at in range(0, TABLE, BLOCK):
        block = tuple(classes[at:at + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    ranges, start = [], TABLE
    for at in range(TABLE, LIMIT):
        if at + 1 == LIMIT or classes[at + 1] != classes[at]:
            if classes[at]:
                ranges.append((start, at, NAMES[classes[at]]))
            start = at + 1
    print("/* Made by common/text/bpe_table.py from Unicode 16.0.0: the classes of characters\n"
          " * that the patterns know (data © Unicode, Inc., https://www.unicode.org/license.txt). */\n"
          "#include <stdint.h>\n\nenum bpe_class {\n\t/* LETTER: Lm and Lo; UPPER: Lu and Lt; SPACE: White_Space but CR and LF */\n\t" +
          ", ".join("BPE_" + n for n in NAMES[:4]) + ",\n\t" +
          ", ".join("BPE_" + n for n in NAMES[4:]) + "\n};\n")
    print(f"enum {{ BPE_INDEX = {len(index)} }};\n")
    kind = "uint8_t" if len(blocks) <= 256 else "uint16_t"
    print(f"static const {kind} bpe_index[BPE_INDEX] = {{")
    rows(index)
    print("};\n\nstatic const uint8_t bpe_blocks[][32] = {")
    for block in blocks:
        packed = [block[i] | block[i + 1] << 4 for i in range(0, BLOCK, 2)]
        print("\t{" + ",".join(str(v) for v in packed) + "},")
    print("};\n\nstatic const struct {\n\tuint32_t first, last;\n\tenum bpe_class kind;\n"
          "} bpe_ranges[] = { /* behind the index */")
    for first, last, name in ranges:
        print(f"\t{{0x{first:x}, 0x{last:x}, BPE_{name}}},")
    print("};")


main()
