//! Files that belong together, and files that do not.

use std::fs;

use modelpack_formats::{Error, Role, ShardIndex, WeightFile, Weights, group, read};
use modelpack_testkit::{fixtures, model};

/// A file of the corpus under another path.
fn file(name: &str, path: &str) -> WeightFile {
    let source = fixtures().join("weights/valid").join(name);
    let mut source = fs::File::open(source).expect("it is there");
    WeightFile::new(path, read(&mut source).expect("it is valid"))
}

fn same(name: &str) -> WeightFile {
    file(name, name)
}

fn index(path: &str) -> (String, ShardIndex) {
    let source = fixtures().join("weights/valid/model.safetensors.index.json");
    let bytes = fs::read(source).expect("it is there");
    (
        path.to_owned(),
        ShardIndex::parse(&bytes).expect("it is valid"),
    )
}

fn names(groups: &[Weights]) -> Vec<Vec<&str>> {
    groups
        .iter()
        .map(|weights| {
            weights
                .files
                .iter()
                .map(|file| file.path.as_str())
                .collect()
        })
        .collect()
}

const ST_1: &str = "model-00001-of-00002.safetensors";
const ST_2: &str = "model-00002-of-00002.safetensors";
const GGUF_1: &str = "sharded-00001-of-00002.gguf";
const GGUF_2: &str = "sharded-00002-of-00002.gguf";

#[test]
fn shards_are_summed() {
    let groups = group(vec![same(GGUF_2), same(GGUF_1)], &[]).expect("they belong together");
    assert_eq!(names(&groups), [[GGUF_1, GGUF_2]]);
    let weights = &groups[0];
    assert_eq!(
        (weights.parameters(), weights.architecture()),
        (Some(128), Some("llama"))
    );
    assert_eq!(
        (weights.quantization(), weights.precision()),
        (None, Some("float16"))
    );
    assert_eq!(
        (weights.context_length(), weights.role()),
        (Some(1024), Role::Model)
    );

    for indexes in [vec![], vec![index("model.safetensors.index.json")]] {
        let groups = group(vec![same(ST_1), same(ST_2)], &indexes).expect("they belong together");
        assert_eq!(names(&groups), [[ST_1, ST_2]]);
        assert_eq!(
            (groups[0].parameters(), groups[0].precision()),
            (Some(132), Some("bfloat16"))
        );
    }
}

#[test]
fn the_fixture_models_are_one_each() {
    let read_all = |name: &str, files: &[&str]| {
        files
            .iter()
            .map(|file| {
                let mut source = fs::File::open(model(name).join(file)).expect("it is there");
                WeightFile::new(*file, read(&mut source).expect("it is valid"))
            })
            .collect::<Vec<_>>()
    };
    let files = read_all("tiny-safetensors", &[ST_1, ST_2]);
    let bytes = fs::read(model("tiny-safetensors").join("model.safetensors.index.json"))
        .expect("it is there");
    let index = ShardIndex::parse(&bytes).expect("it is valid");
    let groups = group(files, &[("model.safetensors.index.json".to_owned(), index)])
        .expect("they belong together");
    let parameters = groups[0].parameters();
    let gguf =
        group(read_all("tiny-llama-gguf", &["tiny-llama-Q8_0.gguf"]), &[]).expect("it is one");
    assert_eq!(
        (gguf[0].parameters(), gguf[0].quantization()),
        (parameters, Some("Q8_0"))
    );
}

#[test]
fn files_that_stand_alone_stay_alone() {
    let files = vec![
        same("everything-Q4_K_M.gguf"),
        same("mmproj-F16.gguf"),
        same("lora-adapter.gguf"),
    ];
    let groups = group(files, &[]).expect("nothing is wrong");
    let roles: Vec<Role> = groups.iter().map(Weights::role).collect();
    assert_eq!(roles, [Role::Model, Role::Adapter, Role::Projector]);
}

#[test]
fn directories_are_sets_of_their_own() {
    let files = vec![
        file(ST_1, &format!("a/{ST_1}")),
        file(ST_2, &format!("a/{ST_2}")),
        file(ST_1, &format!("b/{ST_1}")),
        file(ST_2, &format!("b/{ST_2}")),
    ];
    let groups = group(files.clone(), &[]).expect("they belong together");
    assert_eq!(groups.len(), 2);
    let indexes = [
        index("a/model.safetensors.index.json"),
        index("b/model.safetensors.index.json"),
    ];
    assert_eq!(
        names(&group(files, &indexes).expect("they belong together")),
        names(&groups)
    );
}

#[test]
fn a_model_that_is_there_twice_counts_once() {
    let files = vec![
        same(ST_1),
        same(ST_2),
        file("mixed.safetensors", "consolidated.safetensors"),
    ];
    let groups =
        group(files, &[index("model.safetensors.index.json")]).expect("they belong together");
    assert_eq!(names(&groups), [[ST_1, ST_2]]);
}

fn message(files: Vec<WeightFile>, indexes: &[(String, ShardIndex)]) -> String {
    group(files, indexes)
        .expect_err("something is wrong")
        .to_string()
}

#[test]
fn sets_that_are_not_whole_are_refused() {
    assert_eq!(
        message(vec![same(GGUF_1)], &[]),
        "1 of 2 files of `sharded` are missing: `sharded-00002-of-00002.gguf`"
    );
    assert_eq!(
        message(vec![same(ST_2)], &[]),
        "1 of 2 files of `model` are missing: `model-00001-of-00002.safetensors`"
    );
    assert_eq!(
        message(vec![same(ST_2)], &[index("model.safetensors.index.json")]),
        "1 of 2 files of `model.safetensors.index.json` are missing: `model-00001-of-00002.safetensors`"
    );
    let many = message(
        vec![file("mixed.safetensors", "x/m-00001-of-09999.safetensors")],
        &[],
    );
    assert!(
        many.starts_with("20 of 9999 files of `x/m` are missing"),
        "{many}"
    );
    assert!(many.len() < 400, "{many}");
}

#[test]
fn files_of_different_models_are_refused() {
    assert_eq!(
        message(vec![same(GGUF_1), file(GGUF_1, GGUF_2)], &[]),
        "1 of 2 files of `sharded` are missing: `sharded-00002-of-00002.gguf`"
    );
    assert_eq!(
        message(vec![same(ST_1), file(ST_1, ST_2)], &[]),
        "`model-00002-of-00002.safetensors` does not belong to `model-00001-of-00002.safetensors`: both have `embed`"
    );
    assert_eq!(
        message(
            vec![same(ST_1), file("mixed.safetensors", ST_2)],
            &[index("model.safetensors.index.json")]
        ),
        "`model-00002-of-00002.safetensors` does not belong to `model.safetensors.index.json`: it has no tensor `head`"
    );
    let other = file("everything-Q4_K_M.gguf", GGUF_2);
    let mut first = same(GGUF_1);
    first.header.architecture = Some("qwen2".to_owned());
    first.header.metadata.remove("split.count");
    let mut other = other;
    other.path = "sharded-00002-of-00002.gguf".to_owned();
    // Neither says that it is split, so each is a file of its own.
    assert_eq!(
        group(vec![first, other], &[])
            .expect("nothing is wrong")
            .len(),
        2
    );
}

#[test]
fn an_index_names_files_beside_it() {
    let check = |text: &str, expected: &str| {
        let error = ShardIndex::parse(text.as_bytes()).expect_err("it is wrong");
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(matches!(error, Error::Invalid { .. }));
    };
    check("[]", "invalid safetensors index header: ");
    check(
        r#"{"weight_map":{"w":"../other/model.safetensors"}}"#,
        "invalid safetensors index header: `w` lies in `../other/model.safetensors`, which is no file beside the index",
    );
    check(
        r#"{"weight_map":{"w":""}}"#,
        "invalid safetensors index header: `w` lies in ``",
    );
}
