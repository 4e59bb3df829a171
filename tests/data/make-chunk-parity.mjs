// Cases on standard input, the same with LangChain's chunks on standard output;
// see make-chunk-parity.py. Cases that the JavaScript edition cuts within a
// character are left out: no other program could hold such a chunk.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const { RecursiveCharacterTextSplitter } = require("@langchain/textsplitters");

const split = async (c) => {
	try {
		return await new RecursiveCharacterTextSplitter({
			chunkSize: c.size,
			chunkOverlap: c.overlap,
			separators: c.separators ?? ["\n\n", "\n", ". ", " ", ""],
		}).splitText(c.text);
	} catch {
		return "error";
	}
};

console.warn = () => {};
for await (const line of createInterface({ input: process.stdin })) {
	const c = JSON.parse(line);
	c.chunks = await split(c);
	if (c.chunks === "error" || c.chunks.every((s) => s.isWellFormed()))
		process.stdout.write(`${JSON.stringify(c)}\n`);
}
