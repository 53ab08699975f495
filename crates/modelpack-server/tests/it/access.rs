//! Who may do what: rules, passwords and tokens.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelpack_server::{
    Access, BasicAccess, Caller, Options, Passwords, Rules, TokenAccess, TokenKeys, Wanted,
    WrongCredentials,
};
use modelpack_spec::Digest;
use serde_json::json;

use crate::support::{Answer, Client, artifact, both, memory};
use crate::uploads::with;

const NOW: u64 = 1_800_000_000;

fn rules(texts: &[&str]) -> Rules {
    Rules::new(texts.iter().map(|text| text.parse().unwrap()))
}

fn guarded(access: impl Access) -> Options {
    let access: Arc<dyn Access> = Arc::new(access);
    with(|options| options.access = Some(Arc::clone(&access)))
}

/// A policy in a test: the header is the name of the user, `bad` is wrong.
struct ByName(Rules);

impl Access for ByName {
    fn identify(&self, authorization: Option<&str>) -> Result<Caller, WrongCredentials> {
        match authorization {
            None => Ok(Caller::anonymous()),
            Some("bad") => Err(WrongCredentials),
            Some(name) => Ok(Caller::named(name)),
        }
    }

    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool {
        self.0.allow(caller, wanted)
    }

    fn challenge(&self, caller: Option<&Caller>, _: &[Wanted]) -> Option<String> {
        let is_known = caller.is_some_and(|caller| caller.name.is_some());
        (!is_known).then(|| "Test".to_owned())
    }
}

async fn by(client: &Client, user: &str, method: &str, target: &str, body: &str) -> Answer {
    let headers: &[(&str, &str)] = if user.is_empty() {
        &[]
    } else {
        &[("authorization", user)]
    };
    client.send(method, target, headers, body.to_owned()).await
}

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn no(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn rules_name_users_actions_and_repositories() {
    let rules = rules(&["anonymous:pull:public/*", "*:pull,push:team", "alice:*"]);
    let is_allowed = |user: &str, action: &str, repository: &str| {
        let caller = if user.is_empty() {
            Caller::anonymous()
        } else {
            Caller::named(user)
        };
        let action = [
            modelpack_server::Action::Pull,
            modelpack_server::Action::Push,
            modelpack_server::Action::Delete,
        ]
        .into_iter()
        .find(|known| known.as_str() == action)
        .unwrap();
        rules.allow(&caller, &Wanted::new(repository.parse().unwrap(), action))
    };
    for (user, action, repository, expected) in [
        ("", "pull", "public/a", true),
        ("", "pull", "public/a/b", true),
        ("", "pull", "public", false),
        ("", "pull", "publicity/a", false),
        ("", "push", "public/a", false),
        ("bob", "pull", "public/a", true),
        ("bob", "push", "team", true),
        ("bob", "delete", "team", false),
        ("bob", "push", "team/a", false),
        ("alice", "delete", "anything/at/all", true),
        ("", "delete", "anything/at/all", false),
    ] {
        assert_eq!(
            is_allowed(user, action, repository),
            expected,
            "{user} {action} {repository}"
        );
    }
    for text in [
        "",
        "alice",
        ":pull",
        "alice:read",
        "alice:pull:UPPER",
        "alice:pull:a/**",
        "a::b",
    ] {
        let error = text
            .parse::<modelpack_server::Rule>()
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("`{text}` is no rule")), "{error}");
    }
}

/// S4, S5: Every way to another's content, tried by callers who may not.
#[tokio::test]
async fn s5_private_content_is_out_of_reach() {
    let policy = || {
        guarded(ByName(rules(&[
            "alice:*",
            "bob:pull,push:bob/*",
            "carol:pull,push:secret",
        ])))
    };
    for client in both(policy) {
        let blob = Digest::sha256(b"layer");
        for content in ["{}", "layer"] {
            let digest = Digest::sha256(content.as_bytes());
            let target = format!("/v2/secret/blobs/uploads/?digest={digest}");
            assert_eq!(
                by(&client, "alice", "POST", &target, content).await.status,
                201
            );
        }
        let manifest = artifact("layer", "");
        let digest = Digest::sha256(manifest.as_bytes());
        let put = by(
            &client,
            "alice",
            "PUT",
            "/v2/secret/manifests/v1",
            &manifest,
        )
        .await;
        assert_eq!(put.status, 201, "{put:?}");

        for target in [
            format!("/v2/secret/blobs/{blob}"),
            "/v2/secret/manifests/v1".to_owned(),
            format!("/v2/secret/manifests/{digest}"),
            "/v2/secret/manifests/absent".to_owned(),
            format!("/v2/secret/referrers/{digest}"),
            "/v2/secret/tags/list".to_owned(),
        ] {
            let anonymous = by(&client, "", "GET", &target, "").await;
            assert_eq!(outcome(&anonymous), no(401, "UNAUTHORIZED"), "{target}");
            assert_eq!(anonymous.header("www-authenticate"), "Test");
            let bob = by(&client, "bob", "GET", &target, "").await;
            assert_eq!(outcome(&bob), no(403, "DENIED"), "{target}");
            let wrong = by(&client, "bad", "GET", &target, "").await;
            assert_eq!(outcome(&wrong), no(401, "UNAUTHORIZED"), "{target}");
        }
        // A mount is an upload for those who may not read the source.
        for query in [format!("mount={blob}&from=secret"), format!("mount={blob}")] {
            let target = format!("/v2/bob/a/blobs/uploads/?{query}");
            let answer = by(&client, "bob", "POST", &target, "").await;
            assert_eq!(answer.status, 202, "{} {query}", client.storage);
            let target = format!("/v2/alice/b/blobs/uploads/?{query}");
            let answer = by(&client, "alice", "POST", &target, "").await;
            assert_eq!(answer.status, 201, "{} {query}", client.storage);
        }
        // Nor does a manifest make it readable.
        let put = by(&client, "bob", "PUT", "/v2/bob/a/manifests/v1", &manifest).await;
        assert_eq!(outcome(&put), no(404, "MANIFEST_BLOB_UNKNOWN"));

        // S4: who may push may not delete.
        for target in [
            "/v2/secret/manifests/v1".to_owned(),
            format!("/v2/secret/manifests/{digest}"),
            format!("/v2/secret/blobs/{blob}"),
        ] {
            let answer = by(&client, "carol", "DELETE", &target, "").await;
            assert_eq!(outcome(&answer), no(403, "DENIED"), "{target}");
            assert_eq!(by(&client, "alice", "GET", &target, "").await.status, 200);
        }
        let twice = [("authorization", "alice"), ("authorization", "bob")];
        let answer = client.send("GET", "/v2/secret/tags/list", &twice, "").await;
        assert_eq!(answer.status, 401);
    }
}

/// S7: For another caller a session is unknown.
#[tokio::test]
async fn s7_a_session_belongs_to_its_caller() {
    let client = memory(guarded(ByName(rules(&["*:pull,push"]))));
    let start = by(&client, "alice", "POST", "/v2/a/blobs/uploads/", "").await;
    let location = start.header("location").to_owned();
    let put = format!("{location}?digest={}", Digest::sha256(b"x"));
    for (method, target) in [
        ("GET", &location),
        ("PATCH", &location),
        ("PUT", &put),
        ("DELETE", &location),
    ] {
        let answer = by(&client, "bob", method, target, "x").await;
        assert_eq!(outcome(&answer), no(404, "BLOB_UPLOAD_UNKNOWN"), "{method}");
    }
    assert_eq!(by(&client, "alice", "PUT", &put, "x").await.status, 201);
}

#[tokio::test]
async fn passwords() {
    // Cost 4 is the least that bcrypt has: tests need not be slow.
    let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
    let text = format!(
        "# users\nalice:{}\n\nbob:{}\n",
        hash("sesame"),
        hash("pass:word")
    );
    let passwords = Passwords::parse(&text).unwrap();
    assert_eq!(passwords.len(), 2);
    assert!(!format!("{passwords:?}").contains("$2"));
    let access = BasicAccess::new(
        passwords,
        rules(&["anonymous:pull", "alice:push"]),
        "a \"realm\"",
    );
    let client = memory(guarded(access.unwrap()));
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let push = "/v2/a/blobs/uploads/";
    for (authorization, status) in [
        ("", 401),
        (&*basic("alice:sesame"), 202),
        (&basic("alice:sesame").replace("Basic", "bAsIc"), 202),
        (&basic("bob:pass:word"), 403),
        (&basic("alice:Sesame"), 401),
        (&basic("alice:"), 401),
        (&basic("alice"), 401),
        (&basic("nobody:sesame"), 401),
        ("Basic !", 401),
        ("Bearer sesame", 401),
    ] {
        // Twice: what was remembered gives the same answer.
        for _ in 0..2 {
            let answer = by(&client, authorization, "POST", push, "").await;
            assert_eq!(answer.status, status, "{authorization}");
            let challenge = if status == 401 {
                "Basic realm=\"a realm\""
            } else {
                ""
            };
            assert_eq!(answer.header("www-authenticate"), challenge);
        }
    }
    // The ping tells clients that there is something to log in to; reading needs no login.
    assert_eq!(by(&client, "", "GET", "/v2/", "").await.status, 401);
    assert_eq!(
        by(&client, &basic("bob:pass:word"), "GET", "/v2/", "")
            .await
            .status,
        200
    );
    let tags = by(&client, "", "GET", "/v2/a/tags/list", "").await;
    assert_eq!(outcome(&tags), no(404, "NAME_UNKNOWN"));

    for (text, line, reason) in [
        ("alice", 1, "expected USER:HASH"),
        ("\nalice:{SHA}abc", 2, "not bcrypt"),
        ("alice:$apr1$x$y", 1, "not bcrypt"),
        ("alice:$2b$10$short", 1, "not bcrypt"),
        (":x", 1, "empty"),
        (&format!("a:{0}\na:{0}", hash("x")), 2, "before"),
    ] {
        let error = Passwords::parse(text).unwrap_err();
        assert!(
            error.line == line && error.to_string().contains(reason),
            "{error}"
        );
        assert!(!error.to_string().contains('$'), "{error}");
    }
}

#[tokio::test]
async fn an_open_registry_for_reading() {
    let client = memory(guarded(rules(&["anonymous:pull"])));
    assert_eq!(client.get("/v2/").await.status, 200);
    assert_eq!(client.get("/v2/a/tags/list").await.status, 404);
    let answer = client.send("POST", "/v2/a/blobs/uploads/", &[], "").await;
    assert_eq!(outcome(&answer), no(403, "DENIED"));
    assert_eq!(answer.header("www-authenticate"), "");
}

// Keys and certificates are made here, once for each test.

/// A token service.
struct Signer {
    key: rcgen::KeyPair,
}

impl Signer {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { key }
    }

    fn keys(&self) -> TokenKeys {
        TokenKeys::parse(self.key.public_key_pem().as_bytes()).unwrap()
    }

    fn sign(&self, claims: &serde_json::Value) -> String {
        self.sign_with(&json!({"alg": "ES256", "typ": "JWT"}), claims)
    }

    fn sign_with(&self, header: &serde_json::Value, claims: &serde_json::Value) -> String {
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
        let random = ring::rand::SystemRandom::new();
        let key = self.key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key, &random);
        token(header, claims, |message| {
            key.unwrap()
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec()
        })
    }
}

fn signed_by_secret(
    secret: &[u8],
    header: &serde_json::Value,
    claims: &serde_json::Value,
) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    token(header, claims, |message| {
        ring::hmac::sign(&key, message).as_ref().to_vec()
    })
}

fn token(
    header: &serde_json::Value,
    claims: &serde_json::Value,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    let signed = format!(
        "{}.{}",
        base64_url(header.to_string().as_bytes()),
        base64_url(claims.to_string().as_bytes())
    );
    let signature = base64_url(&sign(signed.as_bytes()));
    format!("Bearer {signed}.{signature}")
}

fn claims(actions: &[&str]) -> serde_json::Value {
    json!({
        "iss": "issuer", "aud": "service", "sub": "alice",
        "exp": NOW + 300, "nbf": NOW, "iat": NOW, "jti": "1",
        "access": [{"type": "repository", "name": "a/b", "actions": actions}],
    })
}

fn changed(change: impl Fn(&mut serde_json::Value)) -> serde_json::Value {
    let mut claims = claims(&["push"]);
    change(&mut claims);
    claims
}

fn token_access(keys: TokenKeys) -> TokenAccess {
    let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
    let rules = rules(&["anonymous:pull:public/*"]);
    TokenAccess::new(
        keys,
        "https://auth.example/token",
        "service",
        "issuer",
        rules,
        clock,
    )
}

/// S4: A token to push is none to delete.
#[tokio::test]
async fn tokens() {
    let signer = Signer::new();
    let client = memory(guarded(token_access(signer.keys())));
    let push = "/v2/a/b/blobs/uploads/";
    let challenge = "Bearer realm=\"https://auth.example/token\",service=\"service\"";
    let scope = ",scope=\"repository:a/b:pull,push\"";

    let none = by(&client, "", "POST", push, "").await;
    assert_eq!(outcome(&none), no(401, "UNAUTHORIZED"));
    assert_eq!(
        none.header("www-authenticate"),
        format!("{challenge}{scope}")
    );
    let ping = by(&client, "", "GET", "/v2/", "").await;
    assert_eq!(
        (ping.status.as_u16(), ping.header("www-authenticate")),
        (401, challenge)
    );

    let good = signer.sign(&claims(&["pull", "push"]));
    assert_eq!(by(&client, &good, "POST", push, "").await.status, 202);
    assert_eq!(by(&client, &good, "GET", "/v2/", "").await.status, 200);
    let everything = signer.sign(&claims(&["*"]));
    let delete = format!("/v2/a/b/blobs/{}", Digest::sha256(b""));
    assert_eq!(
        by(&client, &everything, "DELETE", &delete, "").await.status,
        404
    );

    // Right, but not for this.
    let pull_only = signer.sign(&claims(&["pull"]));
    for (token, method, target) in [
        (&pull_only, "POST", push),
        (&good, "POST", "/v2/other/blobs/uploads/"),
        (&good, "DELETE", &delete),
    ] {
        let answer = by(&client, token, method, target, "").await;
        assert_eq!(outcome(&answer), no(401, "UNAUTHORIZED"), "{target}");
        let said = answer.header("www-authenticate");
        assert!(said.ends_with(",error=\"insufficient_scope\""), "{said}");
    }
    let mount = format!("{push}?mount={}&from=c", Digest::sha256(b""));
    let answer = by(&client, "", "POST", &mount, "").await;
    assert!(
        answer
            .header("www-authenticate")
            .contains("scope=\"repository:a/b:pull,push repository:c:pull\"")
    );
    // Everybody, with and without a token.
    for token in ["", &good] {
        assert_eq!(
            by(&client, token, "GET", "/v2/public/x/tags/list", "")
                .await
                .status,
            404
        );
    }
}

/// S8: Only a configured key counts, and only for what the claims say.
#[tokio::test]
async fn s8_tokens_that_are_refused() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let client = memory(guarded(token_access(signer.keys())));
    let good = claims(&["push"]);
    let none = token(&json!({"alg": "none", "typ": "JWT"}), &good, |_| Vec::new());
    // The public key as if it were a shared secret.
    let public = signer.key.public_key_pem();
    let confused = signed_by_secret(public.as_bytes(), &json!({"alg": "HS256"}), &good);
    // A token that brings the key it was signed with.
    let embedded = stranger.sign_with(
        &json!({
            "alg": "ES256",
            "x5c": [STANDARD.encode(stranger.key.public_key_pem())],
            "jku": "https://evil.example/keys",
            "jwk": {"kty": "EC", "crv": "P-256"},
        }),
        &good,
    );
    let critical = signer.sign_with(
        &json!({"alg": "ES256", "crit": ["b64"], "b64": false}),
        &good,
    );
    let right = signer.sign(&good);
    for (what, token) in [
        ("signed by another key", stranger.sign(&good)),
        ("without signature", none),
        ("with another algorithm", confused),
        ("with a key of its own", embedded),
        (
            "expired",
            signer.sign(&changed(|it| it["exp"] = json!(NOW - 61))),
        ),
        (
            "without end",
            signer.sign(&changed(|it| it["exp"] = json!(null))),
        ),
        (
            "of tomorrow",
            signer.sign(&changed(|it| it["nbf"] = json!(NOW + 61))),
        ),
        (
            "for others",
            signer.sign(&changed(|it| it["aud"] = json!(["other"]))),
        ),
        (
            "for nobody",
            signer.sign(&changed(|it| it["aud"] = json!(null))),
        ),
        (
            "of others",
            signer.sign(&changed(|it| it["iss"] = json!("other"))),
        ),
        ("with demands", critical),
        ("cut", right[..right.len() - 4].to_owned()),
        ("empty", "Bearer ".to_owned()),
        ("huge", format!("Bearer {}", "a".repeat(100_000))),
        ("as a password", right.replace("Bearer", "Basic")),
    ] {
        let answer = by(&client, &token, "POST", "/v2/a/b/blobs/uploads/", "").await;
        assert_eq!(outcome(&answer), no(401, "UNAUTHORIZED"), "{what}");
        let said = answer.header("www-authenticate");
        assert!(said.contains("error=\"invalid_token\""), "{what}: {said}");
    }
    for (what, claims) in [
        (
            "clocks may differ",
            changed(|it| it["exp"] = json!(NOW - 59)),
        ),
        (
            "for several",
            changed(|it| it["aud"] = json!(["other", "service"])),
        ),
    ] {
        let token = signer.sign(&claims);
        let answer = by(&client, &token, "POST", "/v2/a/b/blobs/uploads/", "").await;
        assert_eq!(answer.status, 202, "{what}");
    }
}

#[tokio::test]
async fn keys_of_a_set_and_shared_secrets() {
    let secret = b"a secret that both sides know";
    let set = json!({"keys": [
        {"kty": "oct", "kid": "other", "k": base64_url(b"another")},
        {"kty": "oct", "kid": "one", "k": base64_url(secret)},
    ]});
    let by_set = TokenKeys::parse(set.to_string().as_bytes()).unwrap();
    // A key without a name fits every name.
    let shared = TokenKeys::shared_secret(secret);
    for (keys, expected) in [(by_set, [202, 401]), (shared, [202, 202])] {
        let client = memory(guarded(token_access(keys)));
        for (kid, status) in ["one", "other"].into_iter().zip(expected) {
            let header = json!({"alg": "HS256", "kid": kid});
            let token = signed_by_secret(secret, &header, &claims(&["push"]));
            let answer = by(&client, &token, "POST", "/v2/a/b/blobs/uploads/", "").await;
            assert_eq!(answer.status, status, "{kid}");
        }
    }
    for (text, expected) in [
        ("", "neither"),
        ("{}", "neither"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "number 1 cannot",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "number 1 cannot",
        ),
        (r#"{"keys":[{"kty":"oct","k":""}]}"#, "number 1 cannot"),
    ] {
        let error = TokenKeys::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[tokio::test]
async fn keys_of_every_kind() {
    let header = |alg: &str| json!({"alg": alg});
    let random = ring::rand::SystemRandom::new();
    let claims = claims(&["push"]);

    let ed = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let pair = ring::signature::Ed25519KeyPair::from_pkcs8(&ed.serialize_der()).unwrap();
    let by_ed = token(&header("EdDSA"), &claims, |message| {
        pair.sign(message).as_ref().to_vec()
    });

    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let method = &ring::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
    let pair = ring::signature::EcdsaKeyPair::from_pkcs8(method, &p384.serialize_der(), &random);
    let by_p384 = token(&header("ES384"), &claims, |message| {
        pair.unwrap()
            .sign(&random, message)
            .unwrap()
            .as_ref()
            .to_vec()
    });

    let signer = Signer::new();
    let certificate = rcgen::CertificateParams::new(vec!["auth.example".to_owned()]);
    let certificate = certificate.unwrap().self_signed(&signer.key).unwrap();

    let rsa = ring::signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(RSA_KEY).unwrap()).unwrap();
    let by_rsa = |name: &str, method: &'static dyn ring::signature::RsaEncoding| {
        token(&header(name), &claims, |message| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(method, &random, message, &mut signature).unwrap();
            signature
        })
    };
    let cases = [
        (ed.public_key_pem(), by_ed),
        (p384.public_key_pem(), by_p384),
        (certificate.pem(), signer.sign(&claims)),
        (
            RSA_PUBLIC.to_owned(),
            by_rsa("RS256", &ring::signature::RSA_PKCS1_SHA256),
        ),
        (
            RSA_PUBLIC.to_owned(),
            by_rsa("PS512", &ring::signature::RSA_PSS_SHA512),
        ),
    ];
    for (number, (pem, _)) in cases.iter().enumerate() {
        let keys = TokenKeys::parse(pem.as_bytes()).unwrap();
        let client = memory(guarded(token_access(keys)));
        for (other, (of, token)) in cases.iter().enumerate() {
            let answer = by(&client, token, "POST", "/v2/a/b/blobs/uploads/", "").await;
            let expected = if of == pem { 202 } else { 401 };
            assert_eq!(answer.status, expected, "{number} {other}");
        }
    }
}

fn base64_url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// A key for these tests only, since nothing here can make one.
const RSA_KEY: &str = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCiKThcFuHjCZY0aOMMRyjnHMXH68LdCedQ5UCIFLiTR/74WyEUFLS8Q0pl6uf8+tK8xFZZrtNikG4uH2veFxXG2T3A74jOTOYVkCrgkywquW8JrWLzCJZ3YrwRiSgm4EHfbH1SIP9G9ZsCzQ+BEO8H3AbScGTW1W+nKb7r/5zkBqMtU27gpYDHFpxnElrleapBB2dyPjSoKolX67SLhqbpjqhDlvjOS1tLNQI1D3CZVvX3dOyxRjNuDl+EfbLB7ofrtWFhSRZbIzRT1oRqtpZ6OTioUQrPJ8UnSq0ga/DAOjRdovI7VHmbhNFjAfhjQME5KVwTU1ctKN9rE+e8/vtJAgMBAAECggEACgCl59RHgbQlLj1sB+VZygu1zXOm9PB38r75YIt6qScPPK2OWElArr4t2CSJw8qK9jbcJrMIefNzwGeSxUPCRZ4/12dPFn6a0KiwZGLfnhELHtsxl9EnStztwd0me2No3Mm53zeG148tzRnuA2WSgPca+p8RMUlAFl0WWENPn6cJ+n9Yx2dSZK3l6q1zuXetv1I9yBxs1UEAv8eL29/O8DJEZFVebSGFNuKIA04MypBWBwvpG88bSnl3tiDLXnZhuFd7CgqW/D3PGa11LZ9uBCuoD2ym0itp/ce47QSSo2f+PsQF8DXrP7s3s4U8b3cC8cBuhQ8gnVb0ilA8275rqQKBgQDYQSVQr6qiSgK5bG66sD+Gd5tX+w8zrelRG7XwBZX3a3y68Vq60VaM2yBRJSa7BBxaOGrEGbSw1PjXbbC4gU8BoYZzH0LFChPZGRtrJT+nkUCgDuMZiE0odpcnTCleiT0Gl2f5jM2PUUZ0b4uO2RGoYwT+dR3uhq4fSkZvH845zQKBgQC/9vTymzyNXc6p+tZjg5Gk8UmKZJWAmiJxRmss5DEqF/EmTy3Ztac9jSHm3nJQKEQ6c5bcleiD7DdeQWNI43P5wK/3oQHZ9KWkRzPfarnMQ4SZCZmfZ/WMLmRh6E2coilvVU0R7zmIL85//M6pVEOnBVw8FjxlO5QvF4oMa7bbbQKBgGndgnn8dUkbeDfz2EU2UPLwDLFGa4u+IJEfQrLs2RyVlyshSmxYXMl54Fk5GbvF6GdWZRX5C5bhu6wiu7enPdkrjNlAvXweUdcezmhmhMHwfrWcdBqkujkLzTVkuH/aKXDXoAPvpRX7EMWhca2NoHJRfzledje14Pnab56o8FklAoGBAKIoejhqXBdK8+Xw56N+o8yCqs3GM+hDy+6GPsjYJpPZT7M91Yx//7tl+gptRIFj0mbR99F0rMqsAwWTFMygnvqOA9eZ4dd862O/ZhlHrZXYPy2Lx4K5rdnx4og2VUGIVpoeo5EP1TiusbC6HNU7Qj7Xr1durSwSzRWOu+XMI9ZtAoGBANHkLYDRxTRAqzA/y/GSKvpd/QFUkEOH6J+UcbtOoCvVeJA8XvaYQZPXdIOoRqJdK2jZDjZegFmrj7wpz7i/MTEeigrsYUK5OouVCZZSH8X+Ul2pYv0IlYXmLMju1xyw/XQpA4Veg8/pBv3UjfzGFmvBjPlEiM46rri02SbjLKQz";
const RSA_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoik4XBbh4wmWNGjjDEco
5xzFx+vC3QnnUOVAiBS4k0f++FshFBS0vENKZern/PrSvMRWWa7TYpBuLh9r3hcV
xtk9wO+IzkzmFZAq4JMsKrlvCa1i8wiWd2K8EYkoJuBB32x9UiD/RvWbAs0PgRDv
B9wG0nBk1tVvpym+6/+c5AajLVNu4KWAxxacZxJa5XmqQQdncj40qCqJV+u0i4am
6Y6oQ5b4zktbSzUCNQ9wmVb193TssUYzbg5fhH2ywe6H67VhYUkWWyM0U9aEaraW
ejk4qFEKzyfFJ0qtIGvwwDo0XaLyO1R5m4TRYwH4Y0DBOSlcE1NXLSjfaxPnvP77
SQIDAQAB
-----END PUBLIC KEY-----
";
