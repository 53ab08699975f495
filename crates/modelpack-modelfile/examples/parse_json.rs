//! Prints what a Modelfile says as JSON, or where its mistakes are: the form that the suite `modelfile` reads.
//!
//! `cargo run -p modelpack-modelfile --example parse_json -- Modelfile`

use std::process::ExitCode;

use modelpack_modelfile::{Keyword, Modelfile};
use serde_json::{Map, Value, json};

/// The commands with their values, or the mistakes.
fn parse(text: &str) -> Result<Map<String, Value>, Vec<Value>> {
    let modelfile = Modelfile::parse(text);
    modelfile.lower().map_err(|mistakes| {
        let mistakes = mistakes.iter();
        let place = |it: &modelpack_modelfile::Diagnostic| json!({ "line": it.line, "column": it.column, "message": it.message });
        mistakes.map(place).collect::<Vec<_>>()
    })?;
    let mut tree = Map::new();
    for (_, command) in modelfile.commands() {
        let key = command.keyword.as_str().to_lowercase();
        let value = Value::from(command.value.as_str());
        let is_list = match command.keyword {
            Keyword::Files(_) => true,
            Keyword::Field(field) => field.is_repeatable(),
            _ => false,
        };
        match is_list {
            true => {
                let list = tree.entry(key).or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&value)) {
                    list.push(value);
                }
            }
            false => {
                tree.insert(key, value);
            }
        }
    }
    Ok(tree)
}

#[expect(clippy::print_stdout, reason = "the example shows its result")]
fn main() -> std::io::Result<ExitCode> {
    let path = std::env::args_os().nth(1).unwrap_or("Modelfile".into());
    let text = std::fs::read_to_string(path)?;
    Ok(match parse(&text) {
        Ok(tree) => {
            println!("{}", Value::from(tree));
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            println!("{}", json!({ "errors": mistakes }));
            ExitCode::FAILURE
        }
    })
}
