// Documents (NDJSON) in, chunks (NDJSON) out: TextSplitter, 1000 characters
// with 200 of overlap.
use serde_json::{json, Value};
use std::io::{self, BufRead, BufWriter, Write};
use text_splitter::{ChunkConfig, TextSplitter};

fn main() -> io::Result<()> {
    let config = ChunkConfig::new(1000).with_overlap(200).unwrap();
    let splitter = TextSplitter::new(config);
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let document: Value = serde_json::from_str(&line?)?;
        let text = document["content"].as_str().unwrap_or("");
        for (n, (start, chunk)) in splitter.chunk_indices(text).enumerate() {
            let id = format!("{}#{}", document["id"].as_str().unwrap_or(""), n);
            let place = json!({"index": n, "start": start, "end": start + chunk.len()});
            writeln!(out, "{}", json!({"id": id, "content": chunk, "chunk": place}))?;
        }
    }
    out.flush()
}
