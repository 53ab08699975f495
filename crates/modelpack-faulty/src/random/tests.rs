//! The generator against its published numbers, the file against the bytes.

use std::fs;

use super::*;

#[test]
fn numbers_are_those_of_the_reference_implementation() {
    let mut numbers = SplitMix64(1_234_567);
    let found: Vec<u64> = (0..5).map(|_| numbers.next()).collect();
    assert_eq!(
        found,
        [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ]
    );
}

#[test]
fn a_file_holds_the_bytes_of_its_seed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    for len in [0, 1, 7, 8, 9, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
        write_random(&path, len as u64, 7).unwrap();
        assert_eq!(
            fs::read(&path).unwrap(),
            random_bytes(len, 7),
            "{len} bytes"
        );
    }
    assert_ne!(random_bytes(64, 7), random_bytes(64, 8));
}
