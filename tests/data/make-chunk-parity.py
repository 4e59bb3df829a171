#!/usr/bin/env python3
"""Make the texts that tests/unit/test_chunk.c holds the recursive splitter to.

    pip install langchain-text-splitters==1.1.3
    ./make-chunk-parity.py python > chunk-python.ndjson

    npm install @langchain/textsplitters@1.0.2 @langchain/core
    ./make-chunk-parity.py js | node make-chunk-parity.mjs > chunk-js.ndjson

Each line holds options, a text and the chunks that LangChain makes of it
("error" where it refuses the options). `./make-chunk-parity.py SEED COUNT js`
gives other cases, any number of them.
"""
import json
import logging
import random
import sys

DEFAULT = ["\n\n", "\n", ". ", " ", ""]
ALPHABETS = [
    "a\n .", "ab \n", "a\n", "ab", "a b.\n,", "a\u00e9 \n\u20ac\U0001f600", "\U0001f600a \n",
    "\ufeff\u0085\u001c\u001f\u00a0\u3000\u2003\u200ba \n", "\u00e9\u0301a\n. ", "\u3002\u3001a \n",
    ".|*+?()[]{}^$\\/-a\n ", "\r\n a", " \n\t\x0b", "\U0001f600\U0001d4b3",
]
SEPARATORS = [
    "\n\n", "\n", " ", "", ". ", "a", "aa", "aba", "ab", "\n\n\n", "\n \n", "|", ".", "*+", "(a)", "\\", "$",
    "^", "[a]", "\U0001f600", "\u00e9", "\u3002", "\u3000", "a\n", "  ", "-", "\u0085", "a.", "\u00e9\u0301",
    "\u0301", "aaaa",
]


def make_text(rnd, longest):
    alphabet, n, text = rnd.choice(ALPHABETS), rnd.randint(0, rnd.choice(longest)), ""
    while len(text) < n:
        text += rnd.choice(alphabet) * rnd.choice([1, 1, 1, 1, 2, 3, 6])
        if rnd.random() < 0.1:
            text += text[-rnd.randint(1, 6):]
    return text[:n]


def make_case(rnd, edition, longest):
    size = rnd.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 31])
    case = {
        "size": size,
        "overlap": rnd.choice([0, 0, 1, 2, size // 5, size // 2, size - 1, size, rnd.randint(0, size + 1)]),
        "text": make_text(rnd, longest),
    }
    if rnd.random() < 0.7:
        case["separators"] = [rnd.choice(SEPARATORS) for _ in range(rnd.randint(1, 4))]
        if rnd.random() < 0.3:
            case["separators"].append("")
    if edition == "python":
        if rnd.random() < 0.3:
            case["keep"] = "end"
        if rnd.random() < 0.2:
            case["strip"] = False
        if rnd.random() < 0.15:
            case["unit"] = "bytes"
    return case


def split(case):
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    options = {
        "chunk_size": case["size"], "chunk_overlap": case["overlap"],
        "separators": case.get("separators", DEFAULT), "keep_separator": case.get("keep", "start"),
        "strip_whitespace": case.get("strip", True),
    }
    if case.get("unit") == "bytes":
        options["length_function"] = lambda s: len(s.encode())
    try:
        return RecursiveCharacterTextSplitter(**options).split_text(case["text"])
    except ValueError:
        return "error"


def main():
    edition = sys.argv[-1]
    seed, count = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 3 else (20, 1500)
    longest = [3, 8, 20, 40, 80] if len(sys.argv) <= 3 else [8, 40, 200, 1000]
    rnd = random.Random(f"{seed} {edition}")
    logging.disable(logging.CRITICAL)
    for _ in range(count):
        case = make_case(rnd, edition, longest)
        if edition == "python":
            case["chunks"] = split(case)
        print(json.dumps(case, ensure_ascii=False, separators=(",", ":")))


main()
