//! Sixteen processes on one store.

use modelpack_testkit::faulty::Contents;

use crate::children::{Kill, Place, REPOSITORY, VERSIONS, WEIGHTS, blobs_of};

const PROCESSES: usize = 16;

#[test]
fn sixteen_that_pull_the_same_share_one_download() {
    let place = Place::new(&VERSIONS.contents);
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| place.start("pull", &Kill::Never))
        .collect();
    for child in children {
        let (status, said) = child.wait();
        assert!(status.success(), "{said:?}");
    }
    let digest = &VERSIONS.manifests[0].value().layers;
    let weights = digest.iter().find(|layer| layer.size == WEIGHTS as u64);
    let served = place
        .registry
        .served(&weights.expect("weights").digest.to_string());
    assert_eq!(served.total(), WEIGHTS as u64);
    place.assert_clean();
    place.assert_tidy();
}

#[test]
fn sixteen_that_pull_tag_remove_and_prune_lose_nothing() {
    let contents: &Contents = &VERSIONS.contents;
    for process in 0..PROCESSES {
        for (index, manifest) in VERSIONS.manifests.iter().enumerate() {
            let tag = format!("p{process}-v{}", index + 1);
            contents.tag(REPOSITORY, &tag, &manifest.digest().to_string());
        }
    }
    let place = Place::new(contents);
    let children: Vec<_> = (0..PROCESSES)
        .map(|process| place.start(&process.to_string(), &Kill::Never))
        .collect();
    for child in children {
        let (status, said) = child.wait();
        assert!(status.success(), "{said:?}");
    }
    let expected = (0..PROCESSES).map(|process| format!("p{process}-t3"));
    assert_eq!(place.names(), expected.collect());
    for entry in place.store.references().expect("names") {
        assert_eq!(entry.descriptor.digest, *VERSIONS.manifests[1].digest());
    }
    place.assert_clean();
    place.store.prune(&Default::default()).expect("it prunes");
    place.assert_tidy();
    let left = place.store.blobs().expect("a list");
    assert_eq!(left.len(), blobs_of(&VERSIONS.manifests[1]).len() + 1);
}
