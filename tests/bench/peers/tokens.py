"""What the tokenizers among the peers share.

    NAME --check        0 when its library is here, and the tables: BENCH_BPE is the folder of
                        cl100k_base.tiktoken and o200k_base.tiktoken
    NAME ENCODING <TEXT {"encode_mb_s":N,"tokens":N}: megabytes a second of processor time,
                        the best of some rounds
"""
import json
import os
import sys
import time

PATTERNS = {
    "cl100k_base": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|"
    r"\s*[\r\n]|\s+(?!\S)|\s",
    "o200k_base": "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"]),
}


def table(encoding):
    """The path of its table."""
    return os.path.join(os.environ["BENCH_BPE"], encoding + ".tiktoken")


def main(make):
    """make(encoding): the function that encodes a text."""
    if sys.argv[1:] == ["--check"]:
        sys.exit("BENCH_BPE" not in os.environ)
    encode = make(sys.argv[1])
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    best, count = 1e9, 0
    for _ in range(5):
        start = time.process_time()
        count = len(encode(text))
        best = min(best, time.process_time() - start)
    print(json.dumps({"encode_mb_s": len(text.encode()) / 1e6 / best, "tokens": count}))
