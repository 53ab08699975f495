//! Which kind of layer a file belongs to.

use modelpack_modelfile::classify;
use modelpack_spec::Kind::{self, Code, Doc, Weight, WeightConfig};

#[test]
fn names_decide_before_sizes() {
    let check = |path: &str, size: u64, expected: Kind| {
        assert_eq!(classify(path, size), expected, "{path}")
    };
    check("config.json", 1, WeightConfig);
    check("FOLDER/CONFIG.JSON", 1, WeightConfig);
    check("model.safetensors", 1, Weight);
    check("model-Q4.GGUF", 1, Weight);
    check("x.meta", 1, WeightConfig);
    check("package.json", 1, WeightConfig);
    check("CMakeLists.txt", 1, Code);
    check("requirements-dev.txt", 1, Code);
    check("builder.md", 1, Code);
    check("notes.txt", 1, Doc);
    check("README", 1, Doc);
    check("LICENSE.md", 1, Doc);
    check("data.parquet", 1, Weight);
    check("table.csv", 1, Doc);
    check("tensor00_01", 1, Weight);
    check("unknown.zzz", 128_000_000, Code);
    check("unknown.zzz", 128_000_001, Weight);
}

#[test]
fn only_the_base_name_counts() {
    assert_eq!(classify("README/model.bin", 1), Weight);
    assert_eq!(classify("model.bin/readme", 1), Doc);
    assert_eq!(classify("ckpt-0/tensor00001_000", 1), Weight);
    assert_eq!(classify(r"folder\config.json", 1), WeightConfig);
    assert_eq!(classify("a/.env.local", 1), Code);
}
