#!/usr/bin/env python3
"""Write common/text/sentence_table.h from the Unicode data.

    sentence_table.py /usr/share/unicode/auxiliary/SentenceBreakProperty.txt > sentence_table.h

(Debian package unicode-data.) Two stages up to U+1FFFF: a block number for each
64 code points, and in each distinct block two properties a byte. Behind that,
where little is assigned, ranges.
"""
import re
import sys

NAMES = ["Other", "CR", "LF", "Sep", "Extend", "Format", "Sp", "Lower", "Upper",
         "OLetter", "Numeric", "ATerm", "SContinue", "STerm", "Close"]
BLOCK = 64
TABLE = 0x20000
LIMIT = 0x110000


def read(path):
    props, version = [0] * LIMIT, ""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("# SentenceBreakProperty-"):
                version = line.split("-")[1].rsplit(".", 1)[0]
            m = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)", line)
            if m:
                first = int(m[1], 16)
                for c in range(first, int(m[2] or m[1], 16) + 1):
                    props[c] = NAMES.index(m[3])
    return props, version


def rows(values, width=24):
    for i in range(0, len(values), width):
        print("\t" + " ".join(f"{v}," for v in values[i:i + width]))


def main():
    props, version = read(sys.argv[1])
    blocks, index = {}, []
    for at in range(0, TABLE, BLOCK):
        block = tuple(props[at:at + BLOCK])
        index.append(blocks.setdefault(block, len(blocks)))
    ranges, start = [], TABLE
    for at in range(TABLE, LIMIT):
        if at + 1 == LIMIT or props[at + 1] != props[at]:
            if props[at]:
                ranges.append((start, at, NAMES[props[at]].upper()))
            start = at + 1
    print(f"/* Made by common/text/sentence_table.py from Unicode {version}: the\n"
          " * Sentence_Break property (data © Unicode, Inc., https://www.unicode.org/license.txt). */\n"
          "#include <stdint.h>\n\nenum sentence_prop {\n\t" +
          ", ".join("SB_" + n.upper() for n in NAMES[:8]) + ",\n\t" +
          ", ".join("SB_" + n.upper() for n in NAMES[8:]) + "\n};\n")
    print(f"enum {{ SENTENCE_INDEX = {len(index)} }};\n")
    kind = "uint8_t" if len(blocks) <= 256 else "uint16_t"
    print(f"static const {kind} sentence_index[SENTENCE_INDEX] = {{")
    rows(index)
    print("};\n\nstatic const uint8_t sentence_blocks[][32] = {")
    for block in blocks:
        packed = [block[i] | block[i + 1] << 4 for i in range(0, BLOCK, 2)]
        print("\t{" + ",".join(str(v) for v in packed) + "},")
    print("};\n\nstatic const struct {\n\tuint32_t first, last;\n\tenum sentence_prop prop;\n"
          "} sentence_ranges[] = { /* behind the index */")
    for first, last, name in ranges:
        print(f"\t{{0x{first:x}, 0x{last:x}, SB_{name}}},")
    print("};")


main()
