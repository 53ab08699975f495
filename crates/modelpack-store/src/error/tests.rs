//! Tests of how errors of the operating system are told apart.

use std::error::Error as _;

use super::*;

#[test]
fn a_full_disk_has_its_own_variant() {
    let path = Path::new("/store/file");
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        let error = Error::io("write", path, kind.into());
        assert!(error.is_no_space());
        assert!(
            matches!(error.needing(7), Error::NoSpace { needed: Some(7), path: named } if named == path)
        );
    }
    let error = Error::io("write", path, io::ErrorKind::PermissionDenied.into()).needing(7);
    assert!(!error.is_no_space());
    assert_eq!(error.to_string(), "cannot write /store/file");
    assert!(error.source().is_some());
}
