//! The Modelfiles in `spec-fixtures/`, and those of the fixture models.

use modelpack_modelfile::Modelfile;
use modelpack_testkit::{check_cases, fixtures, model};

fn lower(text: &str) -> Result<(), String> {
    let modelfile = Modelfile::parse(text);
    match modelfile.lower() {
        Ok(recipe) => {
            let printed = recipe.to_string();
            let again = Modelfile::parse(&printed).lower();
            let again = again.map(|recipe| recipe.to_string());
            assert_eq!(again.as_deref(), Ok(printed.as_str()));
            Ok(())
        }
        Err(diagnostics) => Err(diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(text))
            .collect::<Vec<_>>()
            .join("\n")),
    }
}

#[test]
fn cases() {
    for directory in ["modelfile", "modelfile-extended"] {
        check_cases(&fixtures().join(directory), |_, bytes| {
            lower(std::str::from_utf8(bytes).expect("a case is UTF-8"))
        });
    }
}

#[test]
fn modelfiles_of_the_fixture_models() {
    for name in ["tiny-llama-gguf", "tiny-safetensors"] {
        let text = std::fs::read_to_string(model(name).join("Modelfile")).expect("it is there");
        assert_eq!(lower(&text), Ok(()), "{name}");
    }
}
