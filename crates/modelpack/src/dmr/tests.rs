//! Tests of the index of Docker Model Runner.

use modelpack_spec::Digest;
use serde_json::json;

use super::{Models, add};

#[test]
fn a_name_belongs_to_one_model_however_it_is_spelled() {
    let id = Digest::sha256(b"new");
    let check = |known: &str, tag: Option<&str>, old: serde_json::Value, new: serde_json::Value| {
        let mut index: Models = serde_json::from_value(
            json!({"models": [{"id": "sha256:old", "tags": [known], "files": []}]}),
        )
        .expect("an index");
        add(&mut index, &id, tag, &[]);
        let found = serde_json::to_value(&index).expect("it is JSON");
        assert_eq!(found["models"][0]["tags"], old, "{known}");
        assert_eq!(found["models"][1]["tags"], new, "{known}");
    };
    let full = Some("docker.io/ai/x:latest");
    for known in ["ai/x", "x", "docker.io/ai/x", "index.docker.io/ai/x:latest"] {
        check(known, full, json!(null), json!(["docker.io/ai/x:latest"]));
    }
    check(
        "ai/x:q4",
        full,
        json!(["ai/x:q4"]),
        json!(["docker.io/ai/x:latest"]),
    );
    check("ai/x", None, json!(["ai/x"]), json!(null));
}
