//! Rules made up from numbers, for property tests.

use super::fault::{Fault, Filler, Framing, HangUp, Link, Location, RetryAfter, Target, Timing};
use super::rules::{Class, Origin, Rule, When};
use crate::random::SplitMix64;

/// Above the limit of every document, but soon sent.
const LARGE: u64 = 16 * 1024 * 1024;

/// What made-up rules may be about, and how bad they may be.
///
/// A rule depends on one number alone, so a property test lists numbers, turns each into a rule, and shrinks by
/// leaving numbers out:
///
/// ```
/// use modelpack_faulty::Scene;
///
/// let scene = Scene::new(1_000_000);
/// let rules: Vec<_> = [17, 4711].map(|seed| scene.pull_rule(seed)).into();
/// assert_eq!(rules, [17, 4711].map(|seed| scene.pull_rule(seed)));
/// ```
///
/// Not `non_exhaustive`, so that a test writes `Scene { silence: true, ..Scene::new(1000) }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The size of a typical blob: places in bodies lie below it, most of them well below.
    pub blob_len: u64,
    /// Digests that a rule may be about; it may also be about all blobs.
    pub blobs: Vec<String>,
    /// Digests that a tag may move to.
    pub moves: Vec<String>,
    /// Whether silence and bodies without end are among the faults. The client then needs short time-outs.
    pub silence: bool,
    /// Whether some faults never stop. Otherwise each strikes at most three times, so a client that tries four times
    /// gets through them one by one.
    pub for_ever: bool,
    /// The most seconds in a `Retry-After`.
    pub retry_after: u64,
}

impl Scene {
    /// Faults of all kinds, that stop, without silence and without waiting.
    pub fn new(blob_len: u64) -> Self {
        Self {
            blob_len,
            blobs: Vec::new(),
            moves: Vec::new(),
            silence: false,
            for_ever: false,
            retry_after: 0,
        }
    }

    /// A fault that a client meets while it pulls.
    pub fn pull_rule(&self, seed: u64) -> Rule {
        let mut dice = Dice::new(seed);
        let (when, fault) = match dice.below(20) {
            0 => (When::class(Class::Manifest), self.of_document(&mut dice)),
            1 => (When::class(Class::Manifest), self.anywhere(&mut dice)),
            2 => (When::class(Class::Token), self.of_document(&mut dice)),
            3 => (When::class(Class::Token), self.anywhere(&mut dice)),
            4 => (When::any().unauthorized(), self.of_challenge(&mut dice)),
            5 => (
                self.blob(&mut dice).at(Origin::Elsewhere),
                self.anywhere(&mut dice),
            ),
            6 => (
                self.blob(&mut dice).at(Origin::Elsewhere),
                self.of_blob(&mut dice),
            ),
            7..10 => (self.blob(&mut dice), self.anywhere(&mut dice)),
            10 => (self.blob(&mut dice), self.of_access(&mut dice)),
            _ => (self.blob(&mut dice), self.of_blob(&mut dice)),
        };
        self.often(&mut dice, Rule::new(when, fault))
    }

    /// A fault that a client meets while it pushes.
    pub fn push_rule(&self, seed: u64) -> Rule {
        let mut dice = Dice::new(seed);
        let (when, fault) = match dice.below(16) {
            0 => (When::new("HEAD", Class::Blob), self.anywhere(&mut dice)),
            1 => (When::class(Class::Manifest), self.anywhere(&mut dice)),
            2 => (
                When::new("PUT", Class::Manifest),
                hang_up(&mut dice, self.blob_len),
            ),
            3 => (When::class(Class::Token), self.anywhere(&mut dice)),
            4..7 => (When::new("POST", Class::Upload), self.of_start(&mut dice)),
            7 => (When::class(Class::Upload), self.anywhere(&mut dice)),
            8 => (When::class(Class::Session), self.anywhere(&mut dice)),
            9 => (When::class(Class::Session), self.of_access(&mut dice)),
            _ => (self.session(&mut dice), self.of_upload(&mut dice)),
        };
        self.often(&mut dice, Rule::new(when, fault))
    }

    /// A fault that a client meets while it reads lists.
    pub fn list_rule(&self, seed: u64) -> Rule {
        let mut dice = Dice::new(seed);
        let class = dice.pick(&[Class::Tags, Class::Referrers]);
        let fault = match dice.below(6) {
            0 => Fault::Link { to: Link::Endless },
            1 => Fault::Link { to: Link::Itself },
            2 => Fault::Link {
                to: Link::Elsewhere,
            },
            3 => self.of_document(&mut dice),
            _ => self.anywhere(&mut dice),
        };
        self.often(&mut dice, Rule::new(When::class(class), fault))
    }

    /// So many rules for pulling that all depend on one number.
    pub fn pull_rules(&self, seed: u64, count: usize) -> Vec<Rule> {
        let mut numbers = SplitMix64(seed);
        (0..count).map(|_| self.pull_rule(numbers.next())).collect()
    }

    /// So many rules for pushing that all depend on one number.
    pub fn push_rules(&self, seed: u64, count: usize) -> Vec<Rule> {
        let mut numbers = SplitMix64(seed);
        (0..count).map(|_| self.push_rule(numbers.next())).collect()
    }

    fn often(&self, dice: &mut Dice, rule: Rule) -> Rule {
        let rule = rule.skip(dice.pick(&[0, 0, 0, 1, 2, 5]));
        let rule = rule.every(dice.pick(&[1, 1, 1, 2, 7]));
        if self.for_ever && dice.below(4) == 0 {
            rule
        } else {
            rule.times(1 + dice.below(3))
        }
    }

    fn blob(&self, dice: &mut Dice) -> When {
        let mut when = When::class(Class::Blob);
        if dice.below(4) > 0 {
            when.method = Some("GET".to_owned());
        }
        if !self.blobs.is_empty() && dice.below(2) == 0 {
            when.reference = Some(dice.pick(&self.blobs));
        }
        if dice.below(6) == 0 {
            when.ranged = Some(true);
        }
        when
    }

    fn session(&self, dice: &mut Dice) -> When {
        match dice.below(4) {
            0 => When::class(Class::Session),
            1 => When::new("GET", Class::Session),
            2 => When::new("PATCH", Class::Session),
            _ => When::new("PUT", Class::Session),
        }
    }

    /// What may happen to any request.
    fn anywhere(&self, dice: &mut Dice) -> Fault {
        match dice.below(if self.silence { 9 } else { 7 }) {
            0 => hang_up(dice, self.blob_len),
            1 => Fault::Cut {
                after: dice.place(self.blob_len),
            },
            2 => Fault::Delay {
                millis: Some(dice.below(3)),
            },
            3..7 => self.status(dice),
            7 => Fault::Delay { millis: None },
            _ => Fault::Stall {
                after: dice.place(self.blob_len),
                millis: None,
            },
        }
    }

    fn status(&self, dice: &mut Dice) -> Fault {
        let status = dice.pick(&[429, 429, 500, 502, 503, 503, 504, 408, 400, 403, 404]);
        let body = match dice.below(5) {
            0 => Filler::Empty,
            1 => Filler::Html,
            2 => Filler::Text("{\"errors\": [{\"code\"".to_owned()),
            3 if self.silence => Filler::Endless,
            _ => Filler::Error,
        };
        let seconds = dice.below(self.retry_after + 1);
        let retry_after = match dice.below(5) {
            0 => Some(RetryAfter::Seconds(seconds)),
            1 => Some(RetryAfter::DateIn(seconds)),
            2 => Some(RetryAfter::Text("shortly".to_owned())),
            _ => None,
        };
        Fault::Status {
            status,
            body,
            retry_after,
            timing: dice.pick(&[Timing::Late, Timing::Early, Timing::Rude]),
        }
    }

    fn of_blob(&self, dice: &mut Dice) -> Fault {
        let len = self.blob_len;
        let by = dice.pick(&[-65536, -1, 1, 4096]);
        match dice.below(22) {
            0..3 => Fault::Cut {
                after: dice.place(len),
            },
            3 => Fault::Reset {
                after: dice.place(len),
            },
            4 => Fault::Trickle {
                bytes: len / 4 + 1,
                millis: 1,
            },
            5 => Fault::Framing {
                framing: dice.pick(&[Framing::Chunked, Framing::UntilClose]),
            },
            6 => Fault::IgnoreRange,
            7 => Fault::RefuseRange,
            8 => Fault::RangeStart { by, told: true },
            9 => Fault::RangeStart { by, told: false },
            10 => Fault::RangeEnd { by },
            11 => Fault::RangeTotal { by },
            12 => Fault::Multipart,
            13 => Fault::ShortBody {
                by: 1 + dice.place(len),
            },
            14 => Fault::LongBody {
                by: 1 + dice.place(len),
            },
            15 | 16 => Fault::WrongBytes {
                at: dice.place(len),
                count: 1 + dice.below(4),
            },
            17 => Fault::WrongBodyBytes {
                at: dice.place(len),
                count: 1 + dice.below(4),
            },
            18 => Fault::DigestHeader {
                value: dice.pick(&[None, Some(format!("sha256:{:064x}", 1))]),
            },
            19 => Fault::Gzip {
                real: dice.below(2) == 0,
            },
            20 => Fault::MediaType {
                value: "text/html".to_owned(),
            },
            _ => redirect(dice),
        }
    }

    fn of_document(&self, dice: &mut Dice) -> Fault {
        match dice.below(9) {
            0 => Fault::Body { body: Filler::Html },
            1 => Fault::Body {
                body: Filler::Empty,
            },
            2 => Fault::Body {
                body: Filler::Deep(10_000),
            },
            3 => Fault::Padding {
                bytes: Some(LARGE).filter(|_| !self.silence || dice.below(2) == 0),
            },
            4 => Fault::DigestHeader {
                value: dice.pick(&[None, Some(format!("sha256:{:064x}", 1))]),
            },
            5 => Fault::MediaType {
                value: "text/html".to_owned(),
            },
            6 => Fault::Gzip { real: true },
            7 if !self.moves.is_empty() => Fault::MoveTag {
                to: dice.pick(&self.moves),
            },
            _ => redirect(dice),
        }
    }

    fn of_access(&self, dice: &mut Dice) -> Fault {
        match dice.below(3) {
            0 => Fault::Unauthorized,
            1 => Fault::InsufficientScope,
            _ => Fault::ForgetTokens,
        }
    }

    fn of_challenge(&self, dice: &mut Dice) -> Fault {
        let value = dice.pick(&[
            "Bearer realm=\"{elsewhere}/token\",service=\"faulty\"",
            "Bearer realm=\"{tokens}/token\"",
            "Bearer realm=\"ftp://x.invalid/token\"",
            "Basic realm=\"other\"",
            "BEARER realm={tokens}/token",
            "Bearer",
            "",
        ]);
        Fault::Challenge {
            value: value.to_owned(),
        }
    }

    fn of_start(&self, dice: &mut Dice) -> Fault {
        let location = match dice.below(8) {
            0 => Location::Relative,
            1 => Location::Absolute,
            2 | 3 => Location::Query,
            4 => Location::Elsewhere,
            5 => Location::Missing,
            6 => Location::Url("ftp://x.invalid{target}".to_owned()),
            _ => {
                return Fault::MinChunk {
                    bytes: 1 + dice.place(self.blob_len),
                };
            }
        };
        Fault::Location { location }
    }

    fn of_upload(&self, dice: &mut Dice) -> Fault {
        match dice.below(6) {
            0 => Fault::ForgetSession,
            1 => Fault::LoseTail {
                by: 1 + dice.place(self.blob_len),
            },
            2 | 3 => Fault::RefuseOver {
                bytes: dice.place(self.blob_len),
                status: dice.pick(&[413, 416]),
                timing: dice.pick(&[Timing::Late, Timing::Early, Timing::Rude]),
            },
            _ => hang_up(dice, self.blob_len),
        }
    }
}

fn hang_up(dice: &mut Dice, len: u64) -> Fault {
    let at = match dice.below(6) {
        0 => HangUp::AtOnce,
        1 => HangUp::BeforeDoing,
        2 => HangUp::InHeaders,
        3 => HangUp::AfterDoing,
        _ => HangUp::InRequest(dice.place(len)),
    };
    Fault::HangUp { at }
}

fn redirect(dice: &mut Dice) -> Fault {
    let to = match dice.below(6) {
        0 => Target::Itself,
        1 => Target::Url("{elsewhere}{target}".to_owned()),
        2 => Target::Url("{registry}{target}".to_owned()),
        3 => Target::Signed {
            uses: Some(1),
            get_only: true,
        },
        _ => Target::Signed {
            uses: None,
            get_only: false,
        },
    };
    let status = dice.pick(&[307, 302, 308]);
    Fault::Redirect { to, status }
}

/// Choices that depend on one number.
struct Dice(SplitMix64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(SplitMix64(seed))
    }

    /// Below `end`, which is above 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0.next() % end
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    /// A place in something so long: often at its edges.
    fn place(&mut self, len: u64) -> u64 {
        let len = len.max(1);
        match self.below(6) {
            0 => 0,
            1 => 1.min(len - 1),
            2 => len - 1,
            3 => self.below(len / 16 + 1),
            _ => self.below(len),
        }
    }
}

#[cfg(test)]
mod tests;
