//! What is packed comes back.

use std::collections::BTreeMap;

use modelpack_layer::{FileAttributes, LayerWriter, Limits};
use modelpack_spec::{FilePath, PathSet};
use proptest::prelude::*;

use crate::archive::{tree, unpack_as};
use crate::pack::encodings;

fn files() -> impl Strategy<Value = BTreeMap<String, (Vec<u8>, bool)>> {
    let name = "[a-zA-Z0-9 _é漢\\[#\"-]{1,60}x";
    let path = prop::collection::vec(name, 1..5).prop_map(|names| names.join("/"));
    let content = prop::collection::vec(any::<u8>(), 0..1500);
    prop::collection::btree_map(path, (content, any::<bool>()), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_tree_comes_back(files in files()) {
        let mut paths = PathSet::new();
        let files: Vec<_> = files
            .into_iter()
            .filter_map(|(name, (content, executable))| {
                let path = FilePath::parse(&name).ok()?;
                paths.insert(&path).ok()?;
                Some((path, content, if executable { 0o755 } else { 0o644 }))
            })
            .collect();
        let expected: BTreeMap<_, _> = files
            .iter()
            .map(|(path, content, mode)| {
                (path.to_string(), format!("{mode:o} {}", String::from_utf8_lossy(content)))
            })
            .collect();
        for encoding in encodings() {
            let mut writer = LayerWriter::new(encoding, Vec::new()).unwrap();
            for (path, content, mode) in &files {
                let attributes = FileAttributes::with_mode(*mode);
                writer.append(path, &attributes, content.len() as u64, &mut &**content).unwrap();
            }
            let (_, bytes) = writer.finish().unwrap();
            let directory = tempfile::tempdir().unwrap();
            let unpacked = unpack_as(directory.path(), encoding, &bytes, &Limits::default()).unwrap();
            prop_assert_eq!(unpacked.len(), files.len());
            let mut found = tree(directory.path());
            found.retain(|_, value| value != "directory");
            prop_assert_eq!(&found, &expected);
        }
    }

    /// Any change of any byte is noticed, and no input makes the reader panic.
    #[test]
    fn damage_never_panics(at in 0..4096_usize, value in any::<u8>(), cut in 0..4097_usize) {
        let mut writer = LayerWriter::new(modelpack_spec::Encoding::Tar, Vec::new()).unwrap();
        for name in ["a", "b/é"] {
            let path = FilePath::parse(name).unwrap();
            writer.append(&path, &FileAttributes::default(), 3, &mut &b"abc"[..]).unwrap();
        }
        let (_, mut bytes) = writer.finish().unwrap();
        bytes.truncate(cut);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        let directory = tempfile::tempdir().unwrap();
        let outcome = unpack_as(directory.path(), modelpack_spec::Encoding::Tar, &bytes, &Limits::default());
        if outcome.is_err() {
            prop_assert!(tree(directory.path()).is_empty());
        }
    }
}
