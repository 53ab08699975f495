//! Tests of what the cache believes.

use std::fs;

use super::*;

fn key(mtime: i64) -> FileKey {
    FileKey {
        device: 1,
        inode: 2,
        size: 3,
        mtime: (mtime, 4),
        ctime: (mtime, 5),
    }
}

fn with_cache(test: impl FnOnce(&DigestCache)) {
    let directory = tempfile::tempdir().unwrap();
    test(&DigestCache::new(&Store::create(directory.path()).unwrap()));
}

#[test]
fn every_part_of_the_key_counts() {
    with_cache(|cache| {
        let digest = Digest::sha256(b"x");
        cache.remember(&key(100), &digest, 1000);
        assert_eq!(cache.read().lookup(&key(100)), Some(digest));
        let changes: [fn(&mut FileKey); 7] = [
            |key| key.device += 1,
            |key| key.inode += 1,
            |key| key.size += 1,
            |key| key.mtime.0 += 1,
            |key| key.mtime.1 += 1,
            |key| key.ctime.0 += 1,
            |key| key.ctime.1 += 1,
        ];
        for change in changes {
            let mut other = key(100);
            change(&mut other);
            assert_eq!(cache.read().lookup(&other), None, "{other:?}");
        }
    });
}

#[test]
fn a_file_that_could_change_unseen_is_not_remembered() {
    with_cache(|cache| {
        let digest = Digest::sha256(b"x");
        let mut young = key(100);
        young.ctime.0 = 999;
        for racy in [key(1000), key(999), key(2000), young] {
            cache.remember(&racy, &digest, 1000);
            assert_eq!(cache.read().lookup(&racy), None, "{racy:?}");
        }
        cache.remember(&key(998), &digest, 1000);
        assert_eq!(cache.read().lookup(&key(998)), Some(digest));
    });
}

#[test]
fn the_last_line_of_a_file_counts() {
    with_cache(|cache| {
        cache.remember(&key(100), &Digest::sha256(b"x"), 1000);
        cache.remember(&key(100), &Digest::sha256(b"y"), 1000);
        assert_eq!(cache.read().lookup(&key(100)), Some(Digest::sha256(b"y")));
    });
}

#[test]
fn damage_counts_as_absent() {
    with_cache(|cache| {
        let digest = Digest::sha256(b"x");
        cache.remember(&key(100), &digest, 1000);
        let whole = fs::read(&cache.path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&cache.path, &whole[..cut]).unwrap();
            assert_eq!(cache.read().lookup(&key(100)), None);
            // What comes after a torn line is whole.
            cache.remember(&key(200), &digest, 1000);
            assert_eq!(cache.read().lookup(&key(200)), Some(digest));
        }
        fs::write(&cache.path, [0xff; 100]).unwrap();
        assert_eq!(cache.read().lookup(&key(100)), None);
        cache.remember(&key(100), &digest, 1000);
        assert_eq!(cache.read().lookup(&key(100)), Some(digest));
    });
}

#[test]
fn it_does_not_grow_without_end() {
    with_cache(|cache| {
        let full = usize::try_from(MAX_CACHE_BYTES).unwrap() + 1;
        fs::write(&cache.path, vec![b'\n'; full]).unwrap();
        cache.remember(&key(100), &Digest::sha256(b"x"), 1000);
        assert!(fs::metadata(&cache.path).unwrap().len() < 1000);
    });
}
