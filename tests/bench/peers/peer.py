"""What the stores among the peers share: their command line, records, queries.

    NAME --check                    0 when its library is here
    NAME build FOLDER <RECORDS      make an index of chunk records in FOLDER
    NAME query FOLDER <QUERIES      a line of ids for each query
"""
import base64
import json
import sys

import numpy

BEST = 10


def vector(record):
    return numpy.frombuffer(base64.b64decode(record["embedding"]), dtype="<f4")


def records():
    """(id, content, vector) of each record on standard input."""
    for line in sys.stdin:
        record = json.loads(line)
        yield record["id"], record["content"], vector(record)


def batches(size):
    """The same as lists of ids, of contents, and a matrix, so many at a time."""
    ids, contents, vectors = [], [], []
    for key, content, v in records():
        ids.append(key)
        contents.append(content)
        vectors.append(v)
        if len(ids) == size:
            yield ids, contents, numpy.array(vectors)
            ids, contents, vectors = [], [], []
    if ids:
        yield ids, contents, numpy.array(vectors)


def everything():
    return next(batches(1 << 40))


def unit(matrix):
    return matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)


def save_ids(folder, ids):
    with open(folder + "/ids", "w") as file:
        file.write("\n".join(ids))


def load_ids(folder):
    with open(folder + "/ids") as file:
        return file.read().split("\n")


def main(build, search):
    """build(folder) reads records; search(folder) gives a function of a query's
    text and vector, which gives ids."""
    if sys.argv[1] == "build":
        build(sys.argv[2])
    elif sys.argv[1] == "query":
        answer = search(sys.argv[2])
        for line in sys.stdin:
            query = json.loads(line)
            print(*answer(query["query"], vector(query)))
    elif sys.argv[1] != "--check":
        sys.exit(64)
