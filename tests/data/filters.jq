# Made-up rows and filters, the same for the same numbers:
#
#     jq -nr --argjson seed 1 --argjson count 100 --arg what rows -f filters.jq
#     … --arg what filters      query records, each with a filter
#     … --arg what pairs        key=value, one a line
#
# Numbers and escapes stand as they are in these texts: that is what is tested.

def raw: [
	"null", "true", "false", "0", "-0", "1", "1.0", "10", "1e1", "2.50", "-3", "9007199254740993",
	"9007199254740992", "0.1", "1e-7", "123456789012345678901234567890", "\"a\"", "\"b\"", "\"A\"", "\"\\u00e9\"",
	"\"\"", "\"1\"", "\"true\"", "\"null\"", "\"a'b\\\\c\\\"\"", "\"\\ud83d\\ude00\"", "\"\\uffee\"", "\"{}\"",
	"[]", "[1]", "[1,2]", "[2,1.0]", "[1,[2]]", "[\"a\"]", "{}", "{\"x\":1}", "{\"x\":1.0,\"y\":null}",
	"{\"b\":1}", "{\"b\":{\"c\":\"a\"}}", "{\"x\":[1,{\"y\":2}]}", "[{\"x\":1},{\"y\":2}]", "[null]"
];
def keys_: ["k", "a", "a.b", "a.b.c", "n", "x.y", "\u00e9", "with space", "quo'te", "doc", "chunk", "c1v_id"];
def texts: ["a", "b", "d1", "d2#0", "d3", "", "s", "s'1", "1", "true", "null", "2.50", "10", "\u00e9", "A"];

# A number from 0 to n - 1: of case $i, at place $s.
def r($i; $s; $n):
	((($seed * 3779 + $i * 7919 + $s * 104729 + 17) % 2147483647) * 16807 % 2147483647 * 16807 % 2147483647) % $n;
def value($i; $s): raw[r($i; $s; raw | length)];
def key($i; $s): keys_[r($i; $s; keys_ | length)];
def strings($i; $s): texts[r($i; $s; texts | length)] | tojson;

def metadata($i):
	[range(0; 1 + r($i; 1; 5)) | {key: key($i; 10 + .), value: value($i; 20 + .)}] | unique_by(.key)
	| map((.key | tojson) + ":" + .value) | "{" + join(",") + "}";

def ordered($i; $s): first(range(0; 50) | value($i; $s * 50 + .) | select(test("^[-0-9\"]")));
def operator($i; $s; $field):
	def v: if $field then (if r($i; $s + 3; 5) == 0 then value($i; $s + 4) else strings($i; $s + 4) end) else value($i; $s + 4) end;
	["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$not"][r($i; $s + 1; 10)] as $o
	| ($o | tojson) + ":" + (
		if $o == "$in" or $o == "$nin" then
			"[" + ([range(0; r($i; $s + 5; 4)) | if $field then strings($i; $s + 6 + .) else value($i; $s + 6 + .) end] | join(",")) + "]"
		elif $o == "$exists" then ["true", "false"][r($i; $s + 2; 2)]
		elif $o == "$not" then "{\"$eq\":" + v + "}"
		elif $o | test("^\\$[gl]t") then (if $field then strings($i; $s + 4) else ordered($i; $s + 4) end)
		else v end);

def condition($i; $s; $depth):
	r($i; $s; 12) as $kind
	| if $kind < 4 then (key($i; $s + 1) | tojson) + ":" + value($i; $s + 2)
	elif $kind < 8 then (key($i; $s + 1) | tojson) + ":{" + operator($i; $s + 2; false) + "}"
	elif $kind < 9 then (["$id", "$doc", "$source"][r($i; $s + 1; 3)] | tojson) + ":{" + operator($i; $s + 2; true) + "}"
	elif $depth == 0 then (key($i; $s + 1) | tojson) + ":" + value($i; $s + 2)
	elif $kind < 10 then "\"$not\":{" + condition($i; $s * 3 + 101; $depth - 1) + "}"
	else (["\"$and\"", "\"$or\""][$kind - 10]) + ":[{" + condition($i; $s * 3 + 202; $depth - 1) + "},{"
		+ condition($i; $s * 3 + 303; $depth - 1) + "}]"
	end;

range(0; $count) as $i
| if $what == "rows" then
	"{\"id\":\"d\($i)#0\",\"doc\":\"d\($i)\",\"content\":\"word \($i)\","
	+ (if r($i; 2; 3) > 0 then "\"source\":" + strings($i; 3) + "," else "" end)
	+ (if r($i; 4; 12) > 0 then "\"metadata\":" + metadata($i) + "," else "" end)
	+ "\"chunk\":{\"index\":0,\"of\":1}}"
elif $what == "filters" then
	"{\"id\":\($i),\"query\":\"word\",\"filter\":{" + condition($i; 7; 2) + "}}"
else
	key($i; 1) + "=" + (texts[r($i; 2; texts | length)])
end
