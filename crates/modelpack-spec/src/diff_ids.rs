//! Other diff IDs in a config, and every other byte as it was.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Digest, Document, Error, Model, OciDocument};

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    modelfs: &'a RawValue,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow, rename = "diffIds", alias = "diff_ids")]
    diff_ids: &'a RawValue,
}

impl Document<Model> {
    /// The same config for other layers: only the list of diff IDs is written anew. Order, spelling,
    /// white space and fields that nobody here knows stay as they are.
    ///
    /// ```
    /// use modelpack_spec::{Digest, Document, Model};
    ///
    /// let text = r#"{"modelfs": {"diffIds": [], "type": "layers"}, "x": 1.0, "config": {}, "descriptor": {}}"#;
    /// let config = Document::<Model>::parse(text.into())?;
    /// let other = config.with_diff_ids(&[Digest::sha256(b"weights")])?;
    /// assert!(other.bytes().ends_with(br#""type": "layers"}, "x": 1.0, "config": {}, "descriptor": {}}"#));
    /// assert_eq!(other.value().modelfs.diff_ids, [Digest::sha256(b"weights")]);
    /// # Ok::<(), modelpack_spec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidDocument`] when it has no such list.
    pub fn with_diff_ids(&self, diff_ids: &[Digest]) -> Result<Self, Error> {
        let invalid = |error: serde_json::Error| Error::InvalidDocument {
            document: Model::NAME,
            reason: error.to_string(),
        };
        let bytes = self.bytes();
        let outer: Outer<'_> = serde_json::from_slice(bytes).map_err(invalid)?;
        let inner: Inner<'_> = serde_json::from_str(outer.modelfs.get()).map_err(invalid)?;
        let old = inner.diff_ids.get();
        // What is borrowed is a part of these bytes, so its address says where it stands.
        let start = old.as_ptr().addr() - bytes.as_ptr().addr();
        let list: Vec<String> = diff_ids.iter().map(|id| format!("\"{id}\"")).collect();
        let mut written = bytes[..start].to_vec();
        written.extend_from_slice(format!("[{}]", list.join(",")).as_bytes());
        written.extend_from_slice(&bytes[start + old.len()..]);
        Self::parse(written.into())
    }
}
