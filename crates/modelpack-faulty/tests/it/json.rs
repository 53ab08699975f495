//! Rules and behaviours as they stand in files.

use modelpack_faulty::{
    Auth, Bearer, Behaviour, Class, Fault, Filler, HangUp, Origin, RetryAfter, Rule, Target,
    Timing, Uploads, When,
};

fn check<T>(json: &str, expected: T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let read: T = serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert_eq!(read, expected);
    let written = serde_json::to_string(&read).expect("JSON");
    let again: T = serde_json::from_str(&written).expect("its own JSON");
    assert_eq!(again, expected, "{written}");
}

fn check_error<T: serde::de::DeserializeOwned>(json: &str, part: &str) {
    let Err(error) = serde_json::from_str::<T>(json) else {
        panic!("{json} is taken");
    };
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn rules_are_read() {
    check(
        r#"{"fault": {"kind": "unauthorized"}}"#,
        Rule::new(When::any(), Fault::Unauthorized),
    );
    let fault = Fault::Status {
        status: 429,
        body: Filler::Error,
        retry_after: Some(RetryAfter::Seconds(2)),
        timing: Timing::Late,
    };
    check(
        r#"{"when": {"method": "GET", "class": "manifest", "reference": "v1"}, "times": {"times": 2}, "skip": 1,
            "every": 3, "fault": {"kind": "status", "status": 429, "retry_after": {"seconds": 2}}}"#,
        Rule::new(When::new("GET", Class::Manifest).of("v1"), fault)
            .times(2)
            .skip(1)
            .every(3),
    );
    let to = Target::Signed {
        uses: Some(1),
        get_only: false,
    };
    check(
        r#"{"when": {"origin": "elsewhere", "ranged": true, "authorized": false, "repository": "a/b"},
            "fault": {"kind": "redirect", "to": {"signed": {"uses": 1}}}}"#,
        Rule::new(
            When::any()
                .at(Origin::Elsewhere)
                .ranged()
                .unauthorized()
                .in_repository("a/b"),
            Fault::Redirect { to, status: 307 },
        ),
    );
    let at = HangUp::InRequest(5);
    check(
        r#"{"kind": "hang-up", "at": {"in-request": 5}}"#,
        Fault::HangUp { at },
    );
    let body = Filler::Text("x".to_owned());
    check(
        r#"{"kind": "body", "body": {"text": "x"}}"#,
        Fault::Body { body },
    );
    check(r#"{"kind": "padding"}"#, Fault::Padding { bytes: None });
}

#[test]
fn mistakes_are_named() {
    check_error::<Rule>(
        r#"{"when": {"clas": "blob"}, "fault": {"kind": "unauthorized"}}"#,
        "clas",
    );
    check_error::<Rule>(
        r#"{"fault": {"kind": "cut", "after": 1, "before": 2}}"#,
        "before",
    );
    check_error::<Rule>(r#"{"fault": {"kind": "cutt", "after": 1}}"#, "cutt");
    check_error::<Rule>(r#"{"fault": {"kind": "cut"}}"#, "after");
    check_error::<Rule>(r#"{"when": {}}"#, "fault");
    check_error::<Behaviour>(r#"{"upload": "drop"}"#, "upload");
}

#[test]
fn behaviours_are_read() {
    check(
        r#"{"auth": {"bearer": {"uses": 2, "own_origin": true}}, "uploads": "drop", "referrers": false}"#,
        Behaviour {
            auth: Auth::Bearer(Bearer {
                uses: Some(2),
                own_origin: true,
                ..Bearer::default()
            }),
            uploads: Uploads::Drop,
            referrers: false,
            ..Behaviour::default()
        },
    );
    check("{}", Behaviour::default());
}
