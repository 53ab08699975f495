//! Digests: which texts are one, and that they hash what they say.

use modelpack_spec::{Algorithm, Digest, Error, Hasher};

const EMPTY_256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn check(text: &str, expected: Result<Algorithm, &str>) {
    let found = text.parse::<Digest>();
    match expected {
        Ok(algorithm) => {
            let digest = found.expect("the text is a digest");
            assert_eq!(digest.algorithm(), algorithm);
            assert_eq!(digest.to_string(), text);
        }
        Err(message) => assert_eq!(
            found.expect_err("the text is no digest").to_string(),
            message,
            "{text:?}"
        ),
    }
}

/// D3: Dots, slashes, capitals and wrong lengths are no digest.
#[test]
fn d3_only_these_texts_are_digests() {
    let hex = |digit: &str, count| digit.repeat(count);
    let sha256 = |hex: &str| format!("sha256:{hex}");
    check(EMPTY_256, Ok(Algorithm::Sha256));
    check(&format!("sha512:{}", hex("0f", 64)), Ok(Algorithm::Sha512));

    let invalid = |text: &str, reason: &str| {
        check(text, Err(&format!("invalid digest `{text}`: {reason}")));
    };
    let length = "wrong number of hex digits for its algorithm";
    let digits = "only the digits 0-9 and a-f are allowed, in lower case";
    let name = "the part before the colon is no algorithm name";
    invalid("", "no colon between algorithm and hex digits");
    invalid(&hex("a", 64), "no colon between algorithm and hex digits");
    invalid("sha256:", length);
    invalid(&sha256(&hex("a", 63)), length);
    invalid(&sha256(&hex("a", 65)), length);
    invalid(&format!("sha512:{}", hex("a", 64)), length);
    invalid(&sha256(&hex("A", 64)), digits);
    invalid(&sha256(&hex("g", 64)), digits);
    invalid(&sha256(&hex("é", 32)), digits);
    invalid(&format!("sha256: {}", hex("a", 63)), digits);
    invalid("sha256:../../etc/passwd", length);
    invalid(&format!(":{}", hex("a", 64)), name);
    invalid(&format!("SHA256:{}", hex("a", 64)), name);
    invalid(&format!("a..b:{}", hex("a", 64)), name);
    invalid("blake3:../x", name);
}

/// D4: Unsupported is neither verified nor misspelt.
#[test]
fn d4_an_algorithm_that_cannot_be_verified_is_told_apart() {
    for text in [
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "blake3:ab",
        "sha256+b64u:LCa0a2j_xo=",
    ] {
        let error = text
            .parse::<Digest>()
            .expect_err("the algorithm is not supported");
        assert!(
            matches!(&error, Error::UnsupportedAlgorithm { algorithm, .. } if text.starts_with(&format!("{algorithm}:"))),
            "{error:?}"
        );
    }
}

#[test]
fn known_answers() {
    assert_eq!(Digest::sha256(b"").to_string(), EMPTY_256);
    assert_eq!(
        Digest::sha256(b"abc").hex(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert!(
        Digest::of(Algorithm::Sha512, b"abc")
            .hex()
            .starts_with("ddaf35a193617abacc417349ae204131")
    );
    assert_eq!(Digest::sha256(b"abc").short(), "ba7816bf8f01");
    assert_eq!(Digest::sha256(b"abc").as_bytes().len(), 32);
    assert_eq!(Digest::of(Algorithm::Sha512, b"").as_bytes().len(), 64);
}

#[test]
fn pieces_hash_like_the_whole() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let mut hasher = Hasher::new(algorithm);
        for piece in ["mod", "", "elpack"] {
            hasher.update(piece.as_bytes());
        }
        assert_eq!(hasher.finish(), Digest::of(algorithm, b"modelpack"));
    }
}

/// D3: Documents are read by the same rule.
#[test]
fn json_refuses_what_text_refuses() {
    let text = format!("\"{EMPTY_256}\"");
    let digest: Digest = serde_json::from_str(&text).expect("the text is a digest");
    assert_eq!(
        serde_json::to_string(&digest).expect("a digest is text"),
        text
    );
    for text in ["\"sha256:00\"", "7", "null"] {
        assert!(serde_json::from_str::<Digest>(text).is_err(), "{text}");
    }
}

#[test]
fn hashing_goes_on_from_a_saved_state() {
    let bytes: Vec<u8> = (0..1000_u16).map(|at| (at % 251) as u8).collect();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for cut in [0, 1, 63, 64, 65, 128, 999, 1000] {
            let mut first = Hasher::new(algorithm);
            first.update(&bytes[..cut]);
            let mut second = Hasher::restore(algorithm, &first.save()).expect("a saved state");
            second.update(&bytes[cut..]);
            assert_eq!(
                second.finish(),
                Digest::of(algorithm, &bytes),
                "cut at {cut}"
            );
        }
        let state = Hasher::new(algorithm).save();
        assert!(Hasher::restore(algorithm, &state[1..]).is_none());
        assert!(Hasher::restore(algorithm, &[]).is_none());
        let other = match algorithm {
            Algorithm::Sha256 => Algorithm::Sha512,
            _ => Algorithm::Sha256,
        };
        assert!(Hasher::restore(other, &state).is_none());
    }
}
