//! Tests of exit codes: each kind of failure has its own.

use std::io;

use modelpack::{Error, registry, store};

use super::*;

fn check(error: impl Into<anyhow::Error>, expected: Exit) {
    let error = error.into();
    assert_eq!(code(&error), expected, "{error}");
}

fn file(kind: io::ErrorKind) -> Error {
    Error::File {
        action: "cannot read",
        path: "m.bin".into(),
        source: kind.into(),
    }
}

/// ME8: Failures of this machine.
#[test]
fn failures_of_this_machine() {
    let reference: modelpack::Reference = "example.com/a/b".parse().expect("a reference");
    check(UsageError("no".to_owned()), USAGE);
    check(
        Error::NoSelector {
            reference: reference.clone(),
        },
        USAGE,
    );
    check(Error::UnknownReference { reference }, NOT_FOUND);
    check(
        Error::NoModelfile {
            path: "Modelfile".into(),
        },
        NOT_FOUND,
    );
    check(file(io::ErrorKind::NotFound), NOT_FOUND);
    check(file(io::ErrorKind::PermissionDenied), FAILED);
    check(file(io::ErrorKind::StorageFull), NO_SPACE);
    let no_space = || store::Error::NoSpace {
        path: "store".into(),
        needed: None,
    };
    check(no_space(), NO_SPACE);
    check(Error::from(no_space()), NO_SPACE);
    check(
        Error::FileChanged {
            path: "m.bin".into(),
        },
        INTEGRITY,
    );
    check(Error::Cancelled, INTERRUPTED);
    check(anyhow::anyhow!("anything else"), FAILED);
}

/// ME8: Failures on the other side.
#[test]
fn failures_on_the_other_side() {
    let digest = modelpack::Digest::sha256(b"");
    let sink = registry::Error::Sink {
        digest,
        source: io::ErrorKind::Other.into(),
    };
    check(Error::from(sink), FAILED);
    check(
        Error::DigestMismatch {
            what: "a layer".to_owned(),
            expected: digest,
            actual: digest,
        },
        INTEGRITY,
    );
}
