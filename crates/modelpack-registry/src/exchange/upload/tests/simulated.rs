//! Pushes to a simulated registry that fails in any order: they end in the blob or in an error, and no byte
//! goes to a wrong place.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;

use proptest::prelude::*;

use super::*;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// The registry is in trouble and has done nothing.
    Status(u16),
    /// A part of the body arrives; it is kept or not.
    Cut {
        sixteenths: u8,
        is_kept: bool,
    },
    /// Everything is done, and nobody hears of it.
    LostAnswer,
    /// All sessions are gone.
    Forget,
    /// The state is told wrongly, by so much.
    Lie(i8),
    /// The state is not told.
    Silence,
    /// The upload goes on at another host.
    Elsewhere,
    /// The content is called wrong.
    Slander,
}

/// Fewer faults than a push has patience for, at any of its requests.
fn few() -> impl Strategy<Value = Vec<Fault>> {
    prop::collection::vec((passing(), 0_usize..4), 0..4).prop_map(|faults| {
        faults
            .into_iter()
            .flat_map(|(fault, pause)| std::iter::repeat_n(Fault::None, pause).chain([fault]))
            .collect()
    })
}

/// Faults after which a client that does not give up gets there.
fn passing() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        1 => prop::sample::select(vec![429, 500, 502, 503, 504]).prop_map(Fault::Status),
        3 => (0_u8..=16, any::<bool>())
            .prop_map(|(sixteenths, is_kept)| Fault::Cut { sixteenths, is_kept }),
        1 => Just(Fault::LostAnswer),
        1 => Just(Fault::Forget),
        1 => Just(Fault::Silence),
    ]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => passing(),
        1 => prop::sample::select(vec![400, 401, 403, 404, 405, 409, 413, 416, 501])
            .prop_map(Fault::Status),
        2 => (-3_i8..=3).prop_map(Fault::Lie),
        1 => Just(Fault::Elsewhere),
        1 => Just(Fault::Slander),
    ]
}

#[derive(Debug, Clone)]
struct Traits {
    max_body: Option<u64>,
    takes_chunks: bool,
    takes_whole: bool,
    min_chunk: u64,
    max_chunk: Option<u64>,
    checks_ranges: bool,
    /// How an empty session is told.
    empty: &'static str,
    knows_status: bool,
}

fn traits() -> impl Strategy<Value = Traits> {
    (
        proptest::option::weighted(0.3, 40_u64..200),
        any::<bool>(),
        prop::bool::weighted(0.9),
        prop::sample::select(vec![0_u64, 0, 3, 50]),
        proptest::option::weighted(0.2, 3_u64..60),
        any::<bool>(),
        prop::sample::select(vec!["0-0", "0--1"]),
        prop::bool::weighted(0.8),
    )
        .prop_map(
            |(max_body, takes_chunks, takes_whole, min_chunk, max_chunk, checks, empty, status)| {
                Traits {
                    max_body,
                    takes_chunks,
                    takes_whole,
                    min_chunk,
                    max_chunk,
                    checks_ranges: checks,
                    empty,
                    knows_status: status,
                }
            },
        )
}

struct Simulated {
    traits: Traits,
    content: Vec<u8>,
    stored: Option<Vec<u8>>,
    sessions: BTreeMap<u32, Vec<u8>>,
    opened: u32,
    faults: VecDeque<Fault>,
    /// Whether it has ever said something untrue about a session.
    has_lied: bool,
}

impl Simulated {
    fn take(&mut self, request: &Request) -> Result<Answer, Error> {
        let fault = self.faults.pop_front().unwrap_or(Fault::None);
        let plain = |status| Ok(answer_to(request, status, &[], ""));
        match fault {
            Fault::Status(status) => return plain(status),
            Fault::Cut {
                sixteenths,
                is_kept,
            } => {
                self.keep_a_part(request, sixteenths, is_kept);
                return Err(cut_off(request));
            }
            Fault::Forget => self.sessions.clear(),
            _ => {}
        }
        let answer = match request.method {
            Method::HEAD => match &self.stored {
                Some(blob) => {
                    let length = blob.len().to_string();
                    Ok(answer_to(request, 200, &[("content-length", &length)], ""))
                }
                None => plain(404),
            },
            Method::POST => {
                self.opened += 1;
                self.sessions.insert(self.opened, Vec::new());
                let location = match fault {
                    Fault::Elsewhere => "https://elsewhere.io/up".to_owned(),
                    _ => format!("/up/{}", self.opened),
                };
                let least = self.traits.min_chunk.to_string();
                Ok(answer_to(
                    request,
                    202,
                    &[("location", &location), ("oci-chunk-min-length", &least)],
                    "",
                ))
            }
            _ => self.session(request, fault),
        }?;
        match fault {
            Fault::LostAnswer => Err(cut_off(request)),
            _ => Ok(answer),
        }
    }

    fn id(&self, request: &Request) -> Option<u32> {
        let id = request.url.path().strip_prefix("/up/")?.parse().ok()?;
        self.sessions.contains_key(&id).then_some(id)
    }

    /// The bytes that the request carries, after a look at where they belong.
    fn bytes(&self, request: &Request, id: u32) -> Vec<u8> {
        let Payload::Blob(blob) = &request.payload else {
            return Vec::new();
        };
        let has = self.sessions[&id].len() as u64;
        match request.headers.get(http::header::CONTENT_RANGE) {
            Some(range) => assert_eq!(
                range.to_str().expect("text"),
                format!("{}-{}", blob.offset, blob.offset + blob.size - 1),
                "the range is the one of the body"
            ),
            None => assert!(
                blob.offset == has || self.has_lied,
                "bytes from {} are sent to a session of {has}",
                blob.offset
            ),
        }
        let mut bytes = Vec::new();
        blob.source
            .open(blob.offset)
            .expect("memory can be read")
            .take(blob.size)
            .read_to_end(&mut bytes)
            .expect("memory can be read");
        assert_eq!(bytes.len() as u64, blob.size);
        bytes
    }

    fn keep_a_part(&mut self, request: &Request, sixteenths: u8, is_kept: bool) {
        let Some(id) = self.id(request) else { return };
        let mut bytes = self.bytes(request, id);
        bytes.truncate(bytes.len() * usize::from(sixteenths) / 16);
        let starts_right = match &request.payload {
            Payload::Blob(blob) => blob.offset == self.sessions[&id].len() as u64,
            _ => false,
        };
        if is_kept && (starts_right || !self.traits.checks_ranges) {
            self.sessions
                .get_mut(&id)
                .expect("it is there")
                .extend(bytes);
        }
    }

    fn state(&mut self, id: u32, fault: Fault) -> Option<String> {
        let has = self.sessions[&id].len() as i64;
        match fault {
            Fault::Silence => None,
            Fault::Lie(by) if by != 0 => {
                self.has_lied = true;
                Some(format!("0-{}", (has - 1 + i64::from(by)).max(0)))
            }
            _ if has == 0 => Some(self.traits.empty.to_owned()),
            _ => Some(format!("0-{}", has - 1)),
        }
    }

    fn session(&mut self, request: &Request, fault: Fault) -> Result<Answer, Error> {
        let plain = |status| Ok(answer_to(request, status, &[], ""));
        let Some(id) = self.id(request) else {
            return plain(404);
        };
        let told = |simulated: &mut Self, status| {
            let range = simulated.state(id, fault);
            let location = match fault {
                Fault::Elsewhere => "https://elsewhere.io/up".to_owned(),
                _ => format!("/up/{id}"),
            };
            let mut headers = vec![("location", location.as_str())];
            if let Some(range) = &range {
                headers.push(("range", range));
            }
            Ok(answer_to(request, status, &headers, ""))
        };
        if request.method == Method::GET {
            return match self.traits.knows_status {
                true => told(self, 204),
                false => plain(405),
            };
        }
        let bytes = self.bytes(request, id);
        let length = bytes.len() as u64;
        let closes = request.method == Method::PUT;
        if self.traits.max_body.is_some_and(|limit| length > limit) {
            return plain(413);
        }
        if !closes && !self.traits.takes_chunks || closes && length > 0 && !self.traits.takes_whole
        {
            return plain(405);
        }
        if !closes && self.traits.max_chunk.is_some_and(|limit| length > limit) {
            return plain(416);
        }
        if let Payload::Blob(blob) = &request.payload
            && request.headers.contains_key(http::header::CONTENT_RANGE)
            && self.traits.checks_ranges
            && blob.offset != self.sessions[&id].len() as u64
        {
            return told(self, 416);
        }
        self.sessions
            .get_mut(&id)
            .expect("it is there")
            .extend(bytes);
        if !closes {
            return told(self, 202);
        }
        let session = self.sessions.remove(&id).expect("it is there");
        if session != self.content || matches!(fault, Fault::Slander) {
            let body = r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#;
            return Ok(answer_to(request, 400, &[], body));
        }
        self.stored = Some(session);
        plain(201)
    }
}

/// Drives a push as the transport does, which repeats what it may repeat.
fn drive(order: Order<'_>, registry: &mut Simulated) -> Result<Pushed, Error> {
    let (mut push, mut action) = PushBlob::new(order);
    for _ in 0..2_000 {
        action = match action {
            Action::Done(pushed) => {
                assert!(
                    push.session().is_none(),
                    "a finished push leaves nothing open"
                );
                return Ok(pushed);
            }
            Action::Hash => push.hashed(Digest::sha256(&registry.content), 0)?,
            Action::Send { request, .. } => {
                let mut outcome = registry.take(&request);
                for _ in 0..4 {
                    let is_trouble = match &outcome {
                        Ok(answer) => {
                            matches!(answer.head.status.as_u16(), 429 | 500 | 502..=504)
                        }
                        Err(_) => true,
                    };
                    if !is_trouble || !request.is_repeatable() {
                        break;
                    }
                    outcome = registry.take(&request);
                }
                push.answer(outcome, 0)?
            }
        };
    }
    panic!("the push does not end");
}

fn registry(traits: Traits, content: &[u8], faults: Vec<Fault>) -> Simulated {
    Simulated {
        traits,
        content: content.to_vec(),
        stored: None,
        sessions: BTreeMap::new(),
        opened: 0,
        faults: faults.into(),
        has_lied: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2_000), ..ProptestConfig::default() })]

    /// Whatever happens, a push that says that it is done has put the right bytes there.
    #[test]
    fn a_push_ends_in_the_blob_or_in_an_error(
        size in 0_usize..300,
        chunk in proptest::option::of(1_u64..100),
        traits in traits(),
        faults in prop::collection::vec(any_fault(), 0..40),
    ) {
        let content: Vec<u8> = (0..size).map(|i| i as u8).collect();
        let (target, retry) = (target("r.io/a"), retry());
        let mut order = order(&target, &content, Begin::Ask(vec![MountFrom::Anywhere]), &retry);
        order.limits = Limits::of(&target.name.host, chunk);
        let mut registry = registry(traits, &content, faults);
        if drive(order, &mut registry).is_ok() {
            prop_assert_eq!(registry.stored, Some(content));
        }
    }

    /// A few faults that pass do not stop a push to a registry that can be pushed to.
    #[test]
    fn a_push_survives_what_passes(
        size in 0_usize..300,
        chunk in proptest::option::of(1_u64..100),
        (checks_ranges, knows_status, says_zero) in any::<(bool, bool, bool)>(),
        max_body in proptest::option::of(100_u64..200),
        faults in few(),
    ) {
        let content: Vec<u8> = (0..size).map(|i| i as u8).collect();
        let (target, retry) = (target("r.io/a"), retry());
        let mut order = order(&target, &content, Begin::Upload, &retry);
        order.limits = Limits::of(&target.name.host, chunk);
        let traits = Traits {
            max_body,
            takes_chunks: true,
            takes_whole: true,
            min_chunk: 0,
            max_chunk: None,
            checks_ranges,
            empty: if says_zero { "0-0" } else { "0--1" },
            knows_status,
        };
        let mut registry = registry(traits, &content, faults);
        let outcome = drive(order, &mut registry);
        prop_assert!(outcome.is_ok(), "{:?}", outcome);
        prop_assert_eq!(registry.stored, Some(content));
    }
}
