// Chunk records (NDJSON) in, vectors out: the model in the folder BENCH_MODEL.
use model2vec_rs::model::StaticModel;
use serde_json::{json, Value};
use std::io::{self, BufRead, BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = StaticModel::from_pretrained(std::env::var("BENCH_MODEL")?, None, None, None)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut texts: Vec<String> = Vec::new();
    let mut lines = io::stdin().lock().lines();
    loop {
        texts.clear();
        for line in lines.by_ref().take(1024) {
            let record: Value = serde_json::from_str(&line?)?;
            texts.push(record["content"].as_str().unwrap_or("").to_string());
        }
        if texts.is_empty() {
            break;
        }
        for vector in model.encode_with_args(&texts, None, 1024) {
            writeln!(out, "{}", json!({ "embedding": vector }))?;
        }
    }
    Ok(out.flush()?)
}
