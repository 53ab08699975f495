//! The words for a number format.

/// A precision in the words of the ModelPack specification: `bf16` is `bfloat16`, `torch.float16` is
/// `float16`. Several stand with commas between them; a word that is not known stays as it is.
///
/// ```
/// assert_eq!(modelpack_modelfile::precision("BF16"), "bfloat16");
/// assert_eq!(modelpack_modelfile::precision("fp32, i8"), "float32,int8");
/// ```
#[must_use]
pub fn precision(text: &str) -> String {
    let words = text.split(',').map(str::trim);
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).map(one).collect();
    words.join(",")
}

fn one(word: &str) -> &str {
    let lower = word.to_ascii_lowercase();
    match lower.strip_prefix("torch.").unwrap_or(&lower) {
        "fp64" | "f64" | "float64" | "double" => "float64",
        "fp32" | "f32" | "float32" | "float" => "float32",
        "fp16" | "f16" | "float16" | "half" => "float16",
        "bf16" | "bfloat16" => "bfloat16",
        "f8_e4m3" | "fp8_e4m3" | "float8_e4m3" | "float8_e4m3fn" => "float8_e4m3",
        "f8_e5m2" | "fp8_e5m2" | "float8_e5m2" => "float8_e5m2",
        "i8" | "int8" => "int8",
        "i16" | "int16" => "int16",
        "i32" | "int32" => "int32",
        "i64" | "int64" => "int64",
        "u8" | "uint8" => "uint8",
        "u16" | "uint16" => "uint16",
        "u32" | "uint32" => "uint32",
        "u64" | "uint64" => "uint64",
        // It may be a word that somebody else gives a meaning to.
        _ => word,
    }
}
