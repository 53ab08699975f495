//! The files under `spec-fixtures/weights/`.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::PathBuf;

use modelpack_formats::{Format, Header, Value, detect, read};
use modelpack_testkit::fixtures;

/// The weight files of a folder with the text that lies beside each.
fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf, PathBuf)> {
    let directory = fixtures().join("weights").join(folder);
    let mut files: Vec<_> = fs::read_dir(&directory)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| !path.to_string_lossy().ends_with(extension))
        .filter(|path| !path.to_string_lossy().ends_with(".json"))
        .map(|path| {
            let name = path.file_name().expect("it has a name").to_string_lossy();
            let beside = directory.join(format!("{name}.{extension}"));
            (name.into_owned(), path.clone(), beside)
        })
        .collect();
    files.sort();
    assert!(files.len() > 10, "{folder} has lost its files");
    files
}

/// Compares with the text beside the file. With `UPDATE_FIXTURES` in the environment it is written.
fn compare(found: &str, beside: &PathBuf, failures: &mut Vec<String>) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(beside, found).expect("the fixture can be written");
    }
    let expected = fs::read_to_string(beside).unwrap_or_default();
    if expected.trim_end() != found.trim_end() {
        failures.push(format!(
            "{}:\nexpected {expected}\nfound    {found}",
            beside.display()
        ));
    }
}

/// Everything that a header says, one fact per line.
fn facts(header: &Header) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Debug| {
        writeln!(text, "{name}: {value:?}").expect("text takes text");
    };
    line("format", &header.format.as_str());
    line("role", &header.role());
    line("architecture", &header.architecture);
    line("name", &header.model_name());
    line("parameters", &header.parameters());
    line("dtypes", &header.dtypes());
    line("precision", &header.precision());
    line(
        "file type",
        &header.file_type().map(|kind| kind.to_string()),
    );
    line("quantization", &header.quantization());
    line("context length", &header.context_length());
    line("tokenizer", &header.tokenizer());
    line("chat template", &header.chat_template());
    line("license", &header.license());
    line("languages", &header.languages());
    line("base models", &header.base_models());
    line("data start", &header.data_start);
    line("file size", &header.file_size);
    for (key, value) in &header.metadata {
        line(&format!("key {key}"), value);
    }
    for tensor in &header.tensors {
        let place = (tensor.offset, tensor.size, &tensor.external);
        line(
            &format!("tensor {}", tensor.name),
            &(&tensor.dtype, &tensor.shape, place),
        );
    }
    for entry in &header.entries {
        line(
            &format!("entry {}", entry.name),
            &(entry.size, entry.is_compressed),
        );
    }
    text
}

#[test]
fn valid_files_say_what_is_written_beside_them() {
    let mut failures = Vec::new();
    for (name, path, beside) in files("valid", "facts") {
        let mut file = File::open(&path).expect("it can be opened");
        match read(&mut file) {
            Ok(header) => {
                assert_eq!(
                    detect(&mut file).expect("it can be read"),
                    Some(header.format)
                );
                compare(&facts(&header), &beside, &mut failures);
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn hostile_files_are_refused_with_the_sentence_beside_them() {
    let mut failures = Vec::new();
    for (name, path, beside) in files("hostile", "error") {
        let mut file = File::open(&path).expect("it can be opened");
        match read(&mut file) {
            Ok(_) => failures.push(format!("{name} is accepted")),
            Err(error) => compare(&format!("{error}\n"), &beside, &mut failures),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// No prefix of a file is taken for the whole file, and none makes the reader panic.
#[test]
fn every_cut_of_a_valid_file_is_refused() {
    for (name, path, _) in files("valid", "facts") {
        let bytes = fs::read(path).expect("it can be read");
        let whole = read(&mut Cursor::new(&bytes)).expect("it is valid");
        for cut in 0..bytes.len() {
            if let Ok(header) = read(&mut Cursor::new(&bytes[..cut])) {
                // Protobuf has no length around a file: what is cut at the border of a field is a file.
                // What no tensor needs may be missing, too: the padding after the last one.
                let may_be_whole = match header.format {
                    Format::Onnx => true,
                    Format::Gguf => header.tensors == whole.tensors,
                    _ => false,
                };
                assert!(may_be_whole, "{name} is accepted after {cut} bytes");
            }
        }
    }
}

/// A byte that is wrong is read as something else or refused; nothing panics.
#[test]
fn every_wrong_byte_is_survived() {
    for (_, path, _) in files("valid", "facts") {
        let bytes = fs::read(path).expect("it can be read");
        for at in 0..bytes.len() {
            for wrong in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = wrong;
                if let Ok(header) = read(&mut Cursor::new(&changed)) {
                    for tensor in header
                        .tensors
                        .iter()
                        .filter(|tensor| tensor.external.is_none())
                    {
                        let end = tensor.offset + tensor.size.unwrap_or(0);
                        assert!(end <= bytes.len() as u64, "{tensor:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn arrays_are_kept_when_they_are_short() {
    let path = fixtures().join("weights/valid/everything-Q4_K_M.gguf");
    let header = read(&mut File::open(path).expect("it can be opened")).expect("it is valid");
    let check = |key: &str, length: u64, kept: usize| match &header.metadata[key] {
        Value::Array {
            length: found,
            values,
        } => {
            assert_eq!((*found, values.len()), (length, kept), "{key}");
        }
        other => panic!("{key} is {other:?}"),
    };
    check("x.fifty", 50, 50);
    check("x.sixty_five", 65, 0);
    check("tokenizer.ggml.tokens", 100, 0);
}
