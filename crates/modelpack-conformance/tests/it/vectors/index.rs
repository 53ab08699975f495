//! The index: each file of `spec-fixtures` in the vector that it belongs to.

use super::*;

/// Files that explain, generate or pin others, by their names.
const OTHERS: &[&str] = &[
    "README.md",
    "SHA256SUMS",
    "generate.py",
    "index.json",
    "judge.py",
    "requirements.txt",
];

/// Every file, in the order of the paths, with `/` on every system.
fn files() -> Vec<String> {
    fn walk(directory: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                if entry.file_name() != "__pycache__" {
                    walk(&entry.path(), &format!("{name}/"), found);
                }
            } else {
                found.push(name);
            }
        }
    }
    // It is there when it is written for the first time, too.
    let mut found = vec!["index.json".to_owned()];
    walk(&fixtures(), "", &mut found);
    found.sort();
    found.dedup();
    found
}

fn read(path: &str) -> Vec<u8> {
    fs::read(fixtures().join(path)).unwrap()
}

fn levels() -> BTreeMap<&'static str, Level> {
    let artifact = RuleSet::ALL.into_iter().flat_map(RuleSet::requirements);
    artifact
        .chain(modelfile_requirements().iter().copied())
        .map(|asked| (asked.id, asked.level))
        .collect()
}

/// The vector that a path begins, when it is the first file of one.
fn vector(path: &str, all: &BTreeSet<&str>) -> Option<Vector> {
    let (directory, name) = path.rsplit_once('/')?;
    let stem = path.strip_suffix(".json").unwrap_or(path);
    let expect = match directory.contains("/valid") {
        true => "valid",
        false => "invalid",
    };
    let beside = |vector: Vector, role: &str, path: String| match all.contains(path.as_str()) {
        true => vector.file(role, path),
        false => vector,
    };
    match directory {
        "documents/valid/config" | "documents/invalid/config" if path.ends_with(".json") => {
            let mut vector = Vector::new(stem, "config").file("config", path);
            let bytes = read(path);
            let broken = rules::check_config(&bytes);
            let must = broken.iter().any(|broken| broken.rule.level == Level::Must);
            let ids: BTreeSet<String> = broken.iter().map(|it| it.rule.id.to_owned()).collect();
            vector.rules = ids.into_iter().collect();
            let refused = Document::<Model>::parse(bytes.into()).is_err();
            if refused {
                vector.rules.push("reader.config".to_owned());
            }
            vector.expect = match (must || refused, vector.rules.is_empty()) {
                (true, _) => "invalid",
                (false, false) => "advice",
                (false, true) => "valid",
            };
            Some(beside(vector, "error", format!("{stem}.error")))
        }
        "documents/valid/manifest" | "documents/invalid/manifest" if path.ends_with(".json") => {
            let mut vector = Vector::new(stem, "manifest").file("manifest", path);
            if AnyManifest::parse(read(path).into(), None).is_err() {
                vector.expect = "invalid";
                vector.rules = vec!["reader.manifest".to_owned()];
            }
            Some(beside(vector, "error", format!("{stem}.error")))
        }
        "modelfile/valid" | "modelfile/invalid" if !path.ends_with(".error") => {
            let mut vector = Vector::new(path, "modelfile")
                .file("modelfile", path)
                .file("answer", format!("modelfile/expected/{name}.json"));
            let rule = modelfile::rule_of(name);
            vector.expect = match (expect, levels()[rule.as_str()]) {
                ("invalid", Level::Must) => "invalid",
                ("invalid", _) => "advice",
                (_, _) => "valid",
            };
            vector.rules = vec![rule];
            Some(beside(vector, "error", format!("{path}.error")))
        }
        // An extension of this project, which no rule of a specification is about.
        "modelfile-extended/valid" | "modelfile-extended/invalid" if !path.ends_with(".error") => {
            let mut vector = Vector::new(path, "modelfile-extended").file("modelfile", path);
            vector.expect = expect;
            Some(beside(vector, "error", format!("{path}.error")))
        }
        "weights/valid" | "weights/hostile"
            if !path.ends_with(".facts") && !path.ends_with(".error") =>
        {
            let mut vector = Vector::new(path, "weights").file("weights", path);
            vector.expect = expect;
            let vector = beside(vector, "facts", format!("{path}.facts"));
            Some(beside(vector, "error", format!("{path}.error")))
        }
        _ if directory.starts_with("docker/") && name == "manifest.json" => {
            let config = format!("{directory}/config.json");
            let report = judge_artifact(&read(path), &read(&config));
            let vector = Vector::new(directory, "artifact").judged(&report);
            let vector = vector.file("manifest", path).file("config", config);
            Some(beside(vector, "expected", format!("{directory}/expected")))
        }
        // Each model is one vector, found by the Modelfile that it has.
        _ if directory.starts_with("models/") && name == "Modelfile" => {
            let mut vector = Vector::new(directory, "model");
            for file in all {
                if let Some(inner) = file.strip_prefix(&format!("{directory}/")) {
                    vector = vector.file(inner, *file);
                }
            }
            Some(vector)
        }
        _ => None,
    }
}

fn vectors() -> Vec<Vector> {
    let files = files();
    let all: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let mut vectors: Vec<Vector> = files.iter().filter_map(|path| vector(path, &all)).collect();
    vectors.extend(ARTIFACTS.iter().cloned());
    vectors.sort_by(|a, b| a.id.cmp(&b.id));
    vectors
}

/// The text of the index, a line for each vector.
fn index(vectors: &[Vector]) -> String {
    let lines: Vec<String> = vectors
        .iter()
        .map(|vector| format!("    {}", vector.to_json()))
        .collect();
    let files = files();
    let others = files.iter().filter(|path| is_other(path, vectors));
    let others: Vec<String> = others.map(|path| format!("    {}", json!(path))).collect();
    format!(
        "{{\n  \"version\": 1,\n  \"vectors\": [\n{}\n  ],\n  \"others\": [\n{}\n  ]\n}}\n",
        lines.join(",\n"),
        others.join(",\n")
    )
}

fn is_other(path: &str, vectors: &[Vector]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_named = || {
        vectors
            .iter()
            .any(|it| it.files.values().any(|file| file == path))
    };
    OTHERS.contains(&name) && !is_named()
}

#[test]
fn the_index_is_up_to_date() {
    check_artifacts();
    let index = index(&vectors());
    check_written(&fixtures().join("index.json"), index.as_bytes());
}

/// Read from the file, so that the file is judged and not what would be written.
fn written() -> Value {
    serde_json::from_slice(&read("index.json")).unwrap()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str)
}

#[test]
fn every_file_is_named_once() {
    let index = written();
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut layers, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for vector in index["vectors"].as_array().unwrap() {
        assert!(ids.insert(vector["id"].as_str().unwrap()), "{vector}");
        for path in vector["files"].as_object().unwrap().values() {
            *named.entry(path.as_str().unwrap()).or_default() += 1;
        }
        layers.extend(texts(&vector["layers"]));
    }
    // Many artifacts have the same layers.
    for path in layers.into_iter().chain(texts(&index["others"])) {
        *named.entry(path).or_default() += 1;
    }
    let files = files();
    let expected: BTreeMap<&str, usize> = files.iter().map(|path| (path.as_str(), 1)).collect();
    let wrong: BTreeSet<_> = expected
        .iter()
        .filter(|(path, _)| named.get(*path) != Some(&1))
        .chain(
            named
                .iter()
                .filter(|(path, _)| !expected.contains_key(*path)),
        )
        .map(|(path, _)| path)
        .collect();
    assert!(
        wrong.is_empty(),
        "not named exactly once, or not there: {wrong:#?}"
    );
}

#[test]
fn every_rule_is_known_and_has_both_cases() {
    let index = written();
    let levels = levels();
    let mut cases: BTreeMap<&str, [usize; 2]> = levels.keys().map(|id| (*id, [0, 0])).collect();
    for vector in index["vectors"].as_array().unwrap() {
        let is_valid = vector["expect"] == "valid";
        for rule in texts(&vector["rule"]) {
            let case = cases.get_mut(rule);
            let case = case.unwrap_or_else(|| panic!("there is no rule {rule}: {vector}"));
            case[usize::from(!is_valid)] += 1;
        }
    }
    // A parser that is refused has an answer, so it is a valid and an invalid one for all of them.
    let of_parsers = ["modelfile.answers", "modelfile.line", "modelfile.column"];
    let without: Vec<_> = cases
        .iter()
        .filter(|(id, _)| !of_parsers.contains(id))
        // What a text says is only ever read or, by another rule, refused.
        .filter(|(id, [valid, invalid])| match id.starts_with("modelfile.") {
            true => valid + invalid == 0,
            false => *valid == 0 || *invalid == 0,
        })
        .collect();
    assert!(without.is_empty(), "[valid, invalid] vectors: {without:?}");
}
