//! The same files give the same artifact, whoever builds it, when and where.

use crate::shell::{Shell, json};

#[test]
fn the_creation_time_comes_from_the_environment() {
    let shell = Shell::new();
    let model = shell.path("model");
    modelpack_testkit::copy_model("tiny-llama-gguf", &model);
    let arguments = [
        "build",
        "model",
        "-f",
        "model/Modelfile",
        "-t",
        "registry.example.com/me/llama:v1",
    ];
    let created = |epoch: &str| {
        let status = shell
            .command(&arguments)
            .env("SOURCE_DATE_EPOCH", epoch)
            .env("TZ", "Asia/Tokyo")
            .output();
        assert!(status.expect("it starts").status.success());
        json(&shell.ok(&["inspect", "registry.example.com/me/llama:v1"]))["CreatedAt"].clone()
    };
    assert_eq!(created("1000000000"), "2001-09-09T01:46:40Z");
    let bad = shell
        .command(&arguments)
        .env("SOURCE_DATE_EPOCH", "soon")
        .output()
        .expect("it starts");
    assert_eq!(bad.status.code(), Some(2));
}
