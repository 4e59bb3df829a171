# Judge results against the golden questions: an object of measures for each of
# the two readings (share/prd-templates/README), `first` and `pool`.
#
#     jq -n --slurpfile golden golden.ndjson --slurpfile results results.ndjson -f quality.jq
#
# A result answers a question when its text holds a passage that does, or half
# of one, cut by the splitter. precision@k: of the first k results, how many
# answer. recall@5: of the passages, how many the first five hold. nDCG@10: a
# result gains 1 when it holds a passage that none before it held. MRR: of the
# first result that answers.

def flat: [split("\n")[] | split(" ")[] | select(. != "")] | join(" ");
def halves: flat | length as $n | [.[0:($n / 2 | floor)], .[($n / 2 | floor):]];
def log2plus: . + 2 | log2; # of rank - 1

# Of one question: how many passages there are, and which of them each of the
# ten results holds.
def measured($n; $held):
	(reduce $held[] as $h ({seen: [], gains: []};
	    .gains += [if ($h - .seen) == [] then 0 else 1 end] | .seen = (.seen + $h | unique)) | .gains) as $gains
	| ([range([$n, 10] | min) | 1 / log2plus] | add) as $ideal
	| { p1: ($held[0:1] | map(select(. != [])) | length),
	    p3: (($held[0:3] | map(select(. != [])) | length) / 3),
	    r5: (($held[0:5] | add // [] | unique | length) / $n),
	    ndcg: (([$gains | to_entries[] | .value / (.key | log2plus)] | add // 0) / $ideal),
	    mrr: (($held | map(. != []) | index(true)) as $i | if $i == null then 0 else 1 / ($i + 1) end) };

def means:
	length as $n
	| { questions: $n,
	    "precision@1": (map(.p1) | add / $n), "precision@3": (map(.p3) | add / $n),
	    "recall@5": (map(.r5) | add / $n), "ndcg@10": (map(.ndcg) | add / $n), mrr: (map(.mrr) | add / $n) };

($results | group_by(.qid) | map({key: .[0].qid, value: sort_by(.rank)}) | from_entries) as $found
| [ $golden[]
    | [.relevant[] | {doc, pool: (.pool // false), halves: (.text | halves)}] as $passages
    | [ ($found[.id] // [])[0:10][]
        | (.content | flat) as $text | (.doc // .id | sub("^.*/"; "")) as $doc
        | [ $passages | to_entries[]
            | select(.value.doc == $doc and (.value.halves | any(. as $h | $text | contains($h)))) | .key ]
      ] as $held
    | [$passages | to_entries[] | select(.value.pool) | .key] as $later
    | { first: measured(($passages | length) - ($later | length); $held | map(. - $later)),
        pool: measured($passages | length; $held) }
  ]
| {judged: "first"} + (map(.first) | means), {judged: "pool"} + (map(.pool) | means)
