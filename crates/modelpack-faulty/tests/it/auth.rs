//! Who is let in, what goes wrong about it, and whether a secret got out.

use modelpack_faulty::{Auth, Bearer, Class, Contents, Fault, FaultyRegistry, Origin, Rule, When};

use super::raw::{Answer, Wire, ask, contents, follow, get, sample};

fn bearer(auth: Bearer) -> (FaultyRegistry, String) {
    with_rules(auth, [])
}

fn with_rules<const N: usize>(auth: Bearer, rules: [Rule; N]) -> (FaultyRegistry, String) {
    let (contents, path) = contents();
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .auth(Auth::Bearer(auth))
        .rules(rules);
    (registry.start(), path)
}

fn with_token(registry: &FaultyRegistry, target: &str, token: &str) -> Answer {
    let value = format!("Bearer {token}");
    ask(
        registry,
        &format!("GET {target}"),
        &[("Authorization", &value)],
        &[],
    )
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let document: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    document["token"].as_str().expect("a token").to_owned()
}

fn pull_token(registry: &FaultyRegistry) -> String {
    let url = registry.url(Origin::Tokens);
    token_of(&follow(
        &format!("{url}/token?scope=repository:a/b:pull"),
        &[],
    ))
}

#[test]
fn a_password_opens() {
    let (contents, path) = contents();
    let auth = Auth::Basic {
        user: "x".to_owned(),
        password: "y".to_owned(),
    };
    let registry = FaultyRegistry::builder()
        .contents(&contents)
        .auth(auth)
        .start();
    let answer = get(&registry, &path);
    assert_eq!(
        (answer.status, answer.told("www-authenticate")),
        (401, "Basic realm=\"faulty\"")
    );
    let get_with = |value| {
        ask(
            &registry,
            &format!("GET {path}"),
            &[("Authorization", value)],
            &[],
        )
    };
    assert_eq!(get_with("Basic eDp5").body, sample());
    assert_eq!(get_with("Basic eDp6").status, 401);
}

#[test]
fn a_token_opens_what_it_was_asked_for() {
    for own_origin in [false, true] {
        let (registry, path) = bearer(Bearer {
            own_origin,
            ..Bearer::default()
        });
        let answer = get(&registry, &path);
        let realm = format!("{}/token", registry.url(Origin::Tokens));
        let challenge =
            format!("Bearer realm=\"{realm}\",service=\"faulty\",scope=\"repository:a/b:pull\"");
        assert_eq!(
            (answer.status, answer.told("www-authenticate")),
            (401, challenge.as_str())
        );
        let token = pull_token(&registry);
        assert_eq!(with_token(&registry, &path, &token).body, sample());
        let other = with_token(&registry, "/v2/other/tags/list", &token);
        assert!(
            other
                .told("www-authenticate")
                .ends_with("error=\"insufficient_scope\"")
        );
        let tokens = registry.address(Origin::Tokens) != registry.address(Origin::Registry);
        assert_eq!(tokens, own_origin);
        assert_eq!(registry.count(&When::class(Class::Token)), 1);
    }
}

#[test]
fn a_token_to_push_needs_the_password() {
    let (registry, _) = bearer(Bearer::default());
    let url = format!("{}/token", registry.url(Origin::Tokens));
    let scope = "scope=repository:a:pull,push&offline_token=true";
    let start = |token: &str| {
        let value = format!("Bearer {token}");
        ask(
            &registry,
            "POST /v2/a/blobs/uploads/",
            &[("Authorization", &value)],
            &[],
        )
        .status
    };
    let anonymous = token_of(&follow(&format!("{url}?{scope}"), &[]));
    assert_eq!(start(&anonymous), 401);
    // user:correct-horse
    let basic = [("Authorization", "Basic dXNlcjpjb3JyZWN0LWhvcnNl")];
    let known = follow(&format!("{url}?{scope}"), &basic);
    assert_eq!(start(&token_of(&known)), 202);
    let wrong = follow(
        &format!("{url}?{scope}"),
        &[("Authorization", "Basic eDp5")],
    );
    assert_eq!(wrong.status, 401);

    let post = |form: &str| {
        let body = format!("{form}&{scope}");
        Wire::open(registry.address(Origin::Tokens))
            .ask("POST /token", &[], body.as_bytes())
            .expect("an answer")
    };
    let password = "grant_type=password&username=user&password=correct-horse";
    let by_password = post(password);
    assert_eq!(start(&token_of(&by_password)), 202);
    let document: serde_json::Value = serde_json::from_slice(&by_password.body).expect("JSON");
    let refresh = document["refresh_token"].as_str().expect("a refresh token");
    let by_refresh = post(&format!("grant_type=refresh_token&refresh_token={refresh}"));
    assert_eq!(start(&token_of(&by_refresh)), 202);
    assert_eq!(post("grant_type=refresh_token&refresh_token=x").status, 401);
    let logged = registry.requests();
    let form = logged
        .iter()
        .find(|one| one.method == "POST" && one.class == Class::Token);
    let form = String::from_utf8_lossy(&form.expect("a form").body).into_owned();
    assert!(form.starts_with(password), "{form}");
}

#[test]
fn a_token_ends_by_use_by_time_or_at_a_word() {
    let ends = |answer: &Answer| {
        assert_eq!(answer.status, 401);
        let challenge = answer.told("www-authenticate");
        assert!(
            challenge.ends_with("error=\"invalid_token\""),
            "{challenge}"
        );
    };
    let (registry, path) = bearer(Bearer {
        uses: Some(2),
        ..Bearer::default()
    });
    let token = pull_token(&registry);
    for _ in 0..2 {
        assert_eq!(with_token(&registry, &path, &token).status, 200);
    }
    ends(&with_token(&registry, &path, &token));
    assert_eq!(
        with_token(&registry, &path, &pull_token(&registry)).status,
        200
    );

    let (registry, path) = bearer(Bearer {
        life: Some(0),
        told_life: Some(300),
        ..Bearer::default()
    });
    ends(&with_token(&registry, &path, &pull_token(&registry)));

    let (registry, path) = bearer(Bearer::default());
    let token = pull_token(&registry);
    registry.forget_tokens();
    ends(&with_token(&registry, &path, &token));

    let rule = Rule::new(When::new("GET", Class::Blob), Fault::ForgetTokens)
        .skip(1)
        .once();
    let (registry, path) = with_rules(Bearer::default(), [rule]);
    let token = pull_token(&registry);
    assert_eq!(with_token(&registry, &path, &token).status, 200);
    ends(&with_token(&registry, &path, &token));
    ends(&with_token(&registry, &path, &token));
    assert_eq!(
        with_token(&registry, &path, &pull_token(&registry)).status,
        200
    );
}

#[test]
fn an_expiry_is_told() {
    let (registry, _) = bearer(Bearer {
        life: Some(1),
        ..Bearer::default()
    });
    let url = registry.url(Origin::Tokens);
    let answer = follow(&format!("{url}/token"), &[]);
    assert!(
        answer.text().contains("\"expires_in\":1"),
        "{}",
        answer.text()
    );
}

#[test]
fn rules_wait_for_the_request_that_is_let_in() {
    let blobs = When::new("GET", Class::Blob);
    let (registry, path) = with_rules(
        Bearer::default(),
        [
            Rule::new(blobs.clone(), Fault::Unauthorized).once(),
            Rule::new(
                blobs.clone().unauthorized(),
                Fault::RemoveHeader {
                    name: "WWW-Authenticate".to_owned(),
                },
            )
            .skip(1)
            .once(),
        ],
    );
    assert!(get(&registry, &path).header("www-authenticate").is_some());
    assert_eq!(registry.struck(), [0, 0]);
    assert!(get(&registry, &path).header("www-authenticate").is_none());
    let token = pull_token(&registry);
    assert_eq!(with_token(&registry, &path, &token).status, 401);
    assert_eq!(with_token(&registry, &path, &token).status, 200);
    assert_eq!(registry.struck(), [1, 1]);
    assert_eq!(registry.count(&blobs.unauthorized()), 2);
}

#[test]
fn a_scope_is_never_enough() {
    let rule = Rule::new(When::new("GET", Class::Blob), Fault::InsufficientScope);
    let (registry, path) = with_rules(Bearer::default(), [rule]);
    for _ in 0..2 {
        let answer = with_token(&registry, &path, &pull_token(&registry));
        assert_eq!(answer.status, 401);
        let challenge = answer.told("www-authenticate");
        assert!(
            challenge.ends_with("error=\"insufficient_scope\""),
            "{challenge}"
        );
    }
}

#[test]
fn a_challenge_leads_elsewhere_where_everything_is_taken() {
    let value = "Bearer realm=\"{elsewhere}/token\",service=\"x\"".to_owned();
    let rule = Rule::new(When::any().unauthorized(), Fault::Challenge { value });
    let (registry, path) = with_rules(Bearer::default(), [rule]);
    let elsewhere = registry.url(Origin::Elsewhere);
    let challenge = format!("Bearer realm=\"{elsewhere}/token\",service=\"x\"");
    assert_eq!(get(&registry, &path).told("www-authenticate"), challenge);
    assert!(registry.leaks().is_empty());

    Wire::open(registry.address(Origin::Elsewhere))
        .ask(
            "POST /token",
            &[],
            b"grant_type=password&username=user&password=correct%2Dhorse",
        )
        .expect("an answer");
    let leaks = registry.leaks();
    assert_eq!(leaks.len(), 1);
    assert_eq!(leaks[0].secret, "correct-horse");
    assert_eq!(leaks[0].exchange.line(), "POST /token");
}

#[test]
fn a_token_is_a_secret_in_whatever_place() {
    let (registry, path) = bearer(Bearer::default());
    let token = pull_token(&registry);
    let elsewhere = registry.url(Origin::Elsewhere);
    with_token(&registry, &path, &token);
    follow(&format!("{elsewhere}/x"), &[("X-Harmless", "yes")]);
    assert!(registry.leaks().is_empty());
    follow(&format!("{elsewhere}/x?y={token}"), &[]);
    follow(&format!("{elsewhere}/x"), &[("X-Custom", &token)]);
    follow(&format!("{elsewhere}/x"), &[("Cookie", "a=b")]);
    let secrets: Vec<String> = registry
        .leaks()
        .into_iter()
        .map(|leak| leak.secret)
        .collect();
    assert_eq!(secrets, [token.as_str(), token.as_str(), "cookie"]);
}

#[test]
fn mirrors_share_contents_and_never_see_the_secrets_of_each_other() {
    let contents = Contents::new();
    let digest = contents.add_blob("a/b", sample());
    let upstream = FaultyRegistry::builder()
        .contents(&contents)
        .auth(Auth::Bearer(Bearer::default()))
        .secret("X-Team-Key-1")
        .start();
    let mirror = FaultyRegistry::builder().contents(&contents).start();
    let path = format!("/v2/a/b/blobs/{digest}?ns=upstream");
    assert_eq!(get(&mirror, &path).body, sample());
    assert!(mirror.leaks_of(&upstream).is_empty());
    let token = pull_token(&upstream);
    with_token(&mirror, &path, &token);
    ask(
        &mirror,
        &format!("GET {path}"),
        &[("X", "X-Team-Key-1")],
        &[],
    );
    assert_eq!(mirror.leaks_of(&upstream).len(), 2);
    let served = mirror.served(&digest);
    assert_eq!((served.total(), served.distinct()), (3000, 1000));
    assert!(upstream.served(&digest).spans.is_empty());
}
