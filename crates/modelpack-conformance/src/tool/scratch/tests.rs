//! What is noticed and what is left alone.

use super::*;

#[test]
fn writes_outside_are_noticed() {
    let scratch = Scratch::new().expect("there is room");
    for own in ["home/.config", "tmp/x", "place/out/y"] {
        fs::write(scratch.world(own), "mine").expect("it can be written");
    }
    assert_eq!(
        scratch.escapes().expect("it can be read"),
        Vec::<String>::new()
    );

    fs::write(scratch.world("run/dropped"), "x").expect("it can be written");
    fs::write(scratch.sentinel(), "x").expect("it can be written");
    fs::remove_file(scratch.world("sentinel")).expect("it can be removed");
    fs::set_permissions(scratch.world("in"), fs::Permissions::from_mode(0o777))
        .expect("it is ours");
    assert_eq!(
        scratch.escapes().expect("it can be read"),
        [
            "`run/dropped` was written, outside of `place/out`",
            "`in` was changed, outside of `place/out`",
            "`place/sentinel` was changed, outside of `place/out`",
            "`sentinel` was removed, outside of `place/out`",
        ]
    );
}

#[test]
fn trees() {
    let scratch = Scratch::new().expect("there is room");
    let out = scratch.out();
    fs::create_dir(out.join("a")).expect("it can be made");
    fs::write(out.join("a/b"), "text").expect("it can be written");
    fs::set_permissions(out.join("a/b"), fs::Permissions::from_mode(0o4755)).expect("it is ours");
    std::os::unix::fs::symlink("../..", out.join("up")).expect("it can be made");
    let found = tree(&out, &|_| false).expect("it can be read");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "a/b", "up"]);
    assert_eq!(found["a/b"].mode, 0o4755);
    let Kind::File {
        size: 4, digest, ..
    } = &found["a/b"].kind
    else {
        panic!("{found:?}");
    };
    assert_eq!(*digest, Digest::sha256(b"text"));
    assert_eq!(found["up"].kind, Kind::Link("../..".to_owned()));
}
