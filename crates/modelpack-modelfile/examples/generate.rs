//! Prints a Modelfile for the files that are named as arguments.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use modelpack_modelfile::{GenerateOptions, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files: Vec<(String, u64)> = std::env::args().skip(1).map(|path| (path, 0)).collect();
    if files.is_empty() {
        files = vec![
            ("config.json".to_owned(), 80),
            ("model [v1].safetensors".to_owned(), 3_000_000),
        ];
    }
    print!("{}", generate(&files, &GenerateOptions::default())?);
    Ok(())
}
