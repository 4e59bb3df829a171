#!/usr/bin/env python3
"""Write tests/data/bpe-golden.ndjson: tricky texts and their tokens by tiktoken.

    pip install tiktoken==0.14.0 unicodedata2==16.0.0
    make-bpe-golden.py DIRECTORY > bpe-golden.ndjson

DIRECTORY holds cl100k_base.tiktoken and o200k_base.tiktoken. Each line has the
text and a digest of its ids, FNV-1a over them as little-endian 32-bit numbers
(64 bits, hexadecimal), for either encoding, and how many they are.
"""
import base64
import json
import random
import sys
from unittest import mock

import tiktoken
import unicodedata2
from tiktoken_ext import openai_public

COUNT = 2400
ENCODINGS = ["cl100k_base", "o200k_base"]
SPACES = [*range(9, 14), 0x1c, 0x1f, 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200c),
          0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff]
SPACES = [chr(c) for c in SPACES]
SMALL = list("aAbBzZ sStTdDmMlLvVrReE'\u2019\u017f\u0301\u4f60\u00aa\u01c5\u00e9\u00c9 \t\r\n/!.-_019\u0661\u00a0\u3000")
WORDS = ("the of and Hello WORLD helloWorld don't we're I'LL it'\u017f camelCaseXYZ caf\u00e9 na\u00efve \u00c9cole "
         "\u01c5abc \u4f60\u597d \u043f\u0440\u0438\u0432\u0435\u0442 \u0645\u0631\u062d\u0628\u0627 "
         "\u0928\u092e\u0938\u094d\u0924\u0947 \uc548\ub155 12345 3.14 0x7fff http://a.b/c?d=e <|endoftext|> "
         "<|endofprompt|> // /* */ ... --- === \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301 \u0301 "
         "\u212a \u00bd \u0661\u0662\u0663\u0664 \u2167").split(" ")


def ranks(path):
    with open(path, "rb") as lines:
        return {base64.b64decode(t): int(r) for t, r in (line.split() for line in lines)}


def load(directory, name):
    def table(*_, **__):
        return ranks(f"{directory}/{name}.tiktoken")
    with mock.patch.object(openai_public, "load_tiktoken_bpe", table):
        return tiktoken.Encoding(**getattr(openai_public, name)())


def categories():
    found = {}
    for c in range(0x110000):
        if not 0xd800 <= c < 0xe000:
            found.setdefault(unicodedata2.category(chr(c)), []).append(chr(c))
    return list(found.values())


def text(r, cats):
    kind, n = r.randrange(7), r.choice([1, 2, 3, 5, 8, 13, 30])
    if kind == 0:
        return "".join(r.choice(SMALL) for _ in range(n))
    if kind == 1:
        return "".join(r.choice(r.choice(cats)) for _ in range(n))
    if kind == 2:
        gaps = [" ", "", "  ", "\n", " \n ", "\t"]
        return "".join(r.choice(WORDS) + r.choice(gaps + [r.choice(SPACES)]) for _ in range(n))
    if kind == 3:
        return "".join(r.choice(SPACES if r.random() < .6 else SMALL) for _ in range(n))
    if kind == 4:
        return "".join(chr(r.randrange(32, 127)) for _ in range(n * 3))
    if kind == 5:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return "".join(r.choice(letters) for _ in range(r.choice([1, 5, 17, 47, 48, 49, 50, 100])))
    return r.choice(SMALL) * r.choice([1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 100]) + r.choice(["", "a", " b", "\n", "\nx"])


def digest(ids):
    h = 0xcbf29ce484222325
    for i in ids:
        for byte in i.to_bytes(4, "little"):
            h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def main():
    r, cats = random.Random(20261123), categories()
    encodings = [load(sys.argv[1], name) for name in ENCODINGS]
    for _ in range(COUNT):
        content = text(r, cats)
        line = {"content": content}
        for e in encodings:
            ids = e.encode_ordinary(content)
            line[e.name] = digest(ids)
            line[e.name + "_tokens"] = len(ids)
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


main()
