//! Rules of the model config.

use serde_json::{Map, Value};

use super::artifact::{Part, shape, step};
use super::layers::layer_type;
use super::spdx::is_expression;
use super::{Artifact, Finding, Level, Rule, Subject};
use crate::{Digest, Encoding, Timestamp};

const DOCUMENT: &str =
    "https://github.com/modelpack/model-spec/blob/main/docs/config.md#properties";
const SCHEMA: &str =
    "https://github.com/modelpack/model-spec/blob/main/schema/config-schema.json#/$defs";

const fn rule(
    id: &'static str,
    level: Level,
    summary: &'static str,
    check: fn(&Artifact<'_>) -> Vec<Finding>,
) -> Rule {
    Rule {
        id,
        level,
        subject: Subject::Config,
        anchor: DOCUMENT,
        summary,
        check,
    }
}

/// A rule that a property, where it is given, has a JSON type.
macro_rules! typed {
    ($id:literal, $pointer:literal, $shape:ident) => {
        rule(
            $id,
            Level::Must,
            concat!("`", $pointer, "`, where given, has its JSON type"),
            |artifact| $shape(artifact, $pointer),
        )
    };
}

pub(super) static RULES: &[Rule] = &[
    rule(
        "config.json",
        Level::Must,
        "the config is one JSON object in which no key stands twice",
        json,
    ),
    rule(
        "config.descriptor",
        Level::Must,
        "`descriptor` is there and is an object",
        |artifact| required_object(artifact, "/descriptor"),
    ),
    rule(
        "config.config",
        Level::Must,
        "`config` is there and is an object",
        |artifact| required_object(artifact, "/config"),
    ),
    rule(
        "config.modelfs",
        Level::Must,
        "`modelfs` is there and is an object",
        |artifact| required_object(artifact, "/modelfs"),
    ),
    Rule {
        anchor: SCHEMA,
        ..rule(
            "config.known-properties",
            Level::Must,
            "no object has a property that the schema does not define",
            known_properties,
        )
    },
    typed!(
        "config.descriptor.created-at-type",
        "/descriptor/createdAt",
        text
    ),
    rule(
        "config.descriptor.created-at",
        Level::Must,
        "`createdAt`, where given, is an RFC 3339 date and time",
        |artifact| date_time(artifact, "/descriptor/createdAt"),
    ),
    typed!("config.descriptor.authors", "/descriptor/authors", texts),
    typed!("config.descriptor.vendor", "/descriptor/vendor", text),
    typed!("config.descriptor.family", "/descriptor/family", text),
    rule(
        "config.descriptor.name",
        Level::Must,
        "`name`, where given, is a string that is not empty",
        name,
    ),
    typed!("config.descriptor.version", "/descriptor/version", text),
    typed!("config.descriptor.title", "/descriptor/title", text),
    typed!(
        "config.descriptor.description",
        "/descriptor/description",
        text
    ),
    typed!("config.descriptor.doc-url", "/descriptor/docURL", text),
    typed!(
        "config.descriptor.source-url",
        "/descriptor/sourceURL",
        text
    ),
    typed!(
        "config.descriptor.datasets-url",
        "/descriptor/datasetsURL",
        texts
    ),
    typed!("config.descriptor.revision", "/descriptor/revision", text),
    typed!("config.descriptor.licenses", "/descriptor/licenses", texts),
    rule(
        "config.descriptor.licenses-spdx",
        Level::Should,
        "licences are SPDX expressions",
        licenses,
    ),
    typed!("config.config.architecture", "/config/architecture", text),
    typed!("config.config.format", "/config/format", text),
    typed!("config.config.param-size-type", "/config/paramSize", text),
    rule(
        "config.config.param-size",
        Level::Must,
        "`paramSize` is a decimal count and one of the letters q, t, b, m, k, such as `6.7B`",
        param_size,
    ),
    typed!("config.config.precision-type", "/config/precision", text),
    rule(
        "config.config.precision",
        Level::Should,
        "`precision` is one of the listed words, or several joined by commas",
        precision,
    ),
    typed!("config.config.quantization", "/config/quantization", text),
    rule(
        "config.capabilities",
        Level::Must,
        "`capabilities`, where given, is an object",
        capabilities,
    ),
    rule(
        "config.capabilities.input-types",
        Level::Must,
        "`inputTypes`, where given, is an array of the listed words",
        |artifact| modalities(artifact, "/config/capabilities/inputTypes"),
    ),
    rule(
        "config.capabilities.output-types",
        Level::Must,
        "`outputTypes`, where given, is an array of the listed words",
        |artifact| modalities(artifact, "/config/capabilities/outputTypes"),
    ),
    typed!(
        "config.capabilities.knowledge-cutoff-type",
        "/config/capabilities/knowledgeCutoff",
        text
    ),
    rule(
        "config.capabilities.knowledge-cutoff",
        Level::Must,
        "`knowledgeCutoff`, where given, is an RFC 3339 date and time",
        |artifact| date_time(artifact, "/config/capabilities/knowledgeCutoff"),
    ),
    typed!(
        "config.capabilities.reasoning",
        "/config/capabilities/reasoning",
        boolean
    ),
    typed!(
        "config.capabilities.tool-usage",
        "/config/capabilities/toolUsage",
        boolean
    ),
    typed!(
        "config.capabilities.reward",
        "/config/capabilities/reward",
        boolean
    ),
    rule(
        "config.capabilities.languages",
        Level::Must,
        "`languages`, where given, is an array of two-letter ISO 639 codes in lower case",
        languages,
    ),
    rule(
        "config.modelfs.type",
        Level::Must,
        "`type` is there and is `layers`",
        modelfs_type,
    ),
    rule(
        "config.modelfs.diff-ids",
        Level::Must,
        "`diffIds` is there and is an array of at least one digest",
        diff_ids,
    ),
    rule(
        "config.modelfs.diff-ids-count",
        Level::Must,
        "there is one diff id for every layer of the manifest",
        diff_ids_count,
    ),
    rule(
        "config.modelfs.diff-ids-order",
        Level::Must,
        "diff ids stand in the order of the layers: that of an uncompressed layer is its own digest",
        diff_ids_order,
    ),
];

fn json(artifact: &Artifact<'_>) -> Vec<Finding> {
    artifact
        .config()
        .map(Part::is_one_object)
        .unwrap_or_default()
}

fn required_object(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    if !artifact.config().is_some_and(Part::is_object) {
        return Vec::new();
    }
    match artifact.in_config(pointer) {
        Some(Value::Object(_)) => Vec::new(),
        Some(other) => wrong_shape(pointer, other, "an object"),
        None => vec![Finding::new(pointer, "it is missing")],
    }
}

fn wrong_shape(pointer: &str, found: &Value, expected: &str) -> Vec<Finding> {
    vec![Finding::new(
        pointer,
        format!("it is {}, expected {expected}", shape(found)),
    )]
}

/// What the schema allows in each object; it allows nothing else.
const PROPERTIES: [(&str, &[&str]); 5] = [
    ("", &["descriptor", "modelfs", "config"]),
    (
        "/descriptor",
        &[
            "createdAt",
            "authors",
            "family",
            "name",
            "docURL",
            "sourceURL",
            "datasetsURL",
            "version",
            "revision",
            "vendor",
            "licenses",
            "title",
            "description",
        ],
    ),
    ("/modelfs", &["type", "diffIds"]),
    (
        "/config",
        &[
            "architecture",
            "format",
            "paramSize",
            "precision",
            "quantization",
            "capabilities",
        ],
    ),
    (
        "/config/capabilities",
        &[
            "inputTypes",
            "outputTypes",
            "knowledgeCutoff",
            "reasoning",
            "toolUsage",
            "reward",
            "languages",
        ],
    ),
];

fn known_properties(artifact: &Artifact<'_>) -> Vec<Finding> {
    let unknown = |(pointer, known): (&str, &[&str])| {
        let object = artifact.in_config(pointer).and_then(Value::as_object);
        object
            .into_iter()
            .flat_map(Map::keys)
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| {
                let plain = |text: &str| text.replace('_', "").to_lowercase();
                let meant = known.iter().find(|name| plain(name) == plain(key));
                let message = match meant {
                    Some(name) => format!("the property is unknown; it is spelled `{name}`"),
                    None => "the property is unknown".to_owned(),
                };
                Finding::new(format!("{pointer}/{}", step(key)), message)
            })
            .collect::<Vec<_>>()
    };
    PROPERTIES.into_iter().flat_map(unknown).collect()
}

fn text(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    match artifact.in_config(pointer) {
        Some(Value::String(_)) | None => Vec::new(),
        Some(other) => wrong_shape(pointer, other, "a string"),
    }
}

fn boolean(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    match artifact.in_config(pointer) {
        Some(Value::Bool(_)) | None => Vec::new(),
        Some(other) => wrong_shape(pointer, other, "a boolean"),
    }
}

fn texts(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    each_text(artifact, pointer, |_| None)
}

/// An optional array of strings, each judged on its own.
fn each_text(
    artifact: &Artifact<'_>,
    pointer: &str,
    judge: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let elements = match artifact.in_config(pointer) {
        Some(Value::Array(elements)) => elements,
        Some(other) => return wrong_shape(pointer, other, "an array of strings"),
        None => return Vec::new(),
    };
    elements
        .iter()
        .enumerate()
        .filter_map(|(index, element)| {
            let message = match element {
                Value::String(text) => judge(text)?,
                other => format!("it is {}, expected a string", shape(other)),
            };
            Some(Finding::new(format!("{pointer}/{index}"), message))
        })
        .collect()
}

/// Judges a property that is a string; one of another type is for the rule about its type.
fn if_text(
    artifact: &Artifact<'_>,
    pointer: &str,
    judge: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    artifact
        .in_config(pointer)
        .and_then(Value::as_str)
        .and_then(judge)
        .map(|message| Finding::new(pointer, message))
        .into_iter()
        .collect()
}

fn date_time(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    if_text(artifact, pointer, |text| {
        text.parse::<Timestamp>()
            .err()
            .map(|error| error.to_string())
    })
}

fn name(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/descriptor/name";
    let mut findings = text(artifact, POINTER);
    findings.extend(if_text(artifact, POINTER, |text| {
        text.is_empty().then(|| "it is empty".to_owned())
    }));
    findings
}

fn licenses(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/descriptor/licenses";
    let Some(Value::Array(licenses)) = artifact.in_config(POINTER) else {
        return Vec::new();
    };
    licenses
        .iter()
        .enumerate()
        .filter_map(|(index, license)| Some((index, license.as_str()?)))
        .filter(|(_, license)| !is_expression(license))
        .map(|(index, license)| {
            Finding::new(
                format!("{POINTER}/{index}"),
                format!("{license:?} is no SPDX expression, such as `Apache-2.0 OR MIT`"),
            )
        })
        .collect()
}

fn param_size(artifact: &Artifact<'_>) -> Vec<Finding> {
    let is_count = |count: &str| {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match count.split_once('.') {
            Some((whole, tenth)) => digits(whole) && digits(tenth) && tenth.len() == 1,
            None => digits(count),
        }
    };
    if_text(artifact, "/config/paramSize", |text| {
        let fits = text
            .strip_suffix(|scale: char| "qtbmk".contains(scale.to_ascii_lowercase()))
            .is_some_and(is_count);
        (!fits).then(|| format!("{text:?} is no count with a scale, such as `6.7B` or `100m`"))
    })
}

/// The words of the specification's table.
const PRECISIONS: [&str; 18] = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "float8_e4m3",
    "float8_e5m2",
    "complex32",
    "complex64",
    "complex128",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
];

fn precision(artifact: &Artifact<'_>) -> Vec<Finding> {
    if_text(artifact, "/config/precision", |text| {
        let unknown = text.split(',').find(|word| !PRECISIONS.contains(word))?;
        Some(format!("{unknown:?} is none of the listed precisions"))
    })
}

fn capabilities(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/config/capabilities";
    match artifact.in_config(POINTER) {
        Some(Value::Object(_)) | None => Vec::new(),
        Some(other) => wrong_shape(POINTER, other, "an object"),
    }
}

fn modalities(artifact: &Artifact<'_>, pointer: &str) -> Vec<Finding> {
    const WORDS: [&str; 6] = ["text", "image", "audio", "video", "embedding", "other"];
    each_text(artifact, pointer, |word| {
        (!WORDS.contains(&word)).then(|| format!("{word:?} is none of {}", WORDS.join(", ")))
    })
}

fn languages(artifact: &Artifact<'_>) -> Vec<Finding> {
    each_text(artifact, "/config/capabilities/languages", |code| {
        let fits = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase());
        (!fits).then(|| format!("{code:?} is no two-letter code in lower case"))
    })
}

/// Whether there is a `modelfs` to look into; where there is none, `config.modelfs` speaks.
fn has_modelfs(artifact: &Artifact<'_>) -> bool {
    artifact.in_config("/modelfs").is_some_and(Value::is_object)
}

fn modelfs_type(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/modelfs/type";
    if !has_modelfs(artifact) {
        return Vec::new();
    }
    match artifact.in_config(POINTER) {
        Some(Value::String(text)) if text == "layers" => Vec::new(),
        Some(found) => vec![Finding::new(
            POINTER,
            format!("it is {found}, expected \"layers\""),
        )],
        None => vec![Finding::new(POINTER, "it is missing, expected \"layers\"")],
    }
}

fn diff_ids(artifact: &Artifact<'_>) -> Vec<Finding> {
    const POINTER: &str = "/modelfs/diffIds";
    if !has_modelfs(artifact) {
        return Vec::new();
    }
    match artifact.in_config(POINTER) {
        None => vec![Finding::new(POINTER, "it is missing")],
        Some(Value::Array(ids)) if ids.is_empty() => vec![Finding::new(POINTER, "it is empty")],
        Some(_) => each_text(artifact, POINTER, |text| {
            text.parse::<Digest>().err().map(|error| error.to_string())
        }),
    }
}

/// The diff ids and the layers they belong to, when both are arrays.
fn paired<'a>(artifact: &'a Artifact<'_>) -> Option<(&'a [Value], &'a [Value])> {
    let ids = artifact.in_config("/modelfs/diffIds")?.as_array()?;
    let layers = artifact.in_manifest("/layers")?.as_array()?;
    Some((ids, layers))
}

fn diff_ids_count(artifact: &Artifact<'_>) -> Vec<Finding> {
    match paired(artifact) {
        Some((ids, layers)) if ids.len() != layers.len() => vec![Finding::new(
            "/modelfs/diffIds",
            format!("{} diff ids for {} layers", ids.len(), layers.len()),
        )],
        _ => Vec::new(),
    }
}

fn diff_ids_order(artifact: &Artifact<'_>) -> Vec<Finding> {
    let Some((ids, layers)) = paired(artifact) else {
        return Vec::new();
    };
    let digest = |value: &Value| value.as_str()?.parse::<Digest>().ok();
    ids.iter()
        .zip(layers)
        .enumerate()
        .filter_map(|(index, (id, layer))| {
            let encoding = layer_type(layer)?.encoding;
            let (id, expected) = (digest(id)?, digest(&layer["digest"])?);
            let plain = matches!(encoding, Encoding::Raw | Encoding::Tar);
            // Digests of two algorithms cannot be compared without the bytes.
            let differ = id.algorithm() == expected.algorithm() && id != expected;
            (plain && differ).then(|| {
                Finding::new(
                    format!("/modelfs/diffIds/{index}"),
                    format!("it differs from the digest of layer {index}, {expected}"),
                )
            })
        })
        .collect()
}
