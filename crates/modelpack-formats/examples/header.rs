//! Prints what a weight file says about itself.
//!
//! `cargo run -p modelpack-formats --example header -- model.gguf`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::fs::File;

use modelpack_formats::{format_param_size, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("say which file to read")?;
    let header = read(&mut File::open(path)?)?;
    println!("format        {}", header.format);
    println!(
        "architecture  {}",
        header.architecture.as_deref().unwrap_or("-")
    );
    println!(
        "parameters    {}",
        header
            .parameters()
            .map_or_else(|| "-".to_owned(), format_param_size)
    );
    println!(
        "quantisation  {}",
        header.quantization().or(header.precision()).unwrap_or("-")
    );
    println!("tensors       {}", header.tensors.len());
    Ok(())
}
