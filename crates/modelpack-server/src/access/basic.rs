//! Users with passwords: `Basic` authentication over an htpasswd file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelpack_spec::Digest;

use super::{Access, Caller, Rules, Wanted, WrongCredentials, quoted};
use crate::Error;

/// Most credentials that are remembered as right, so that a client does not pay for bcrypt, which is
/// slow by design, with every request.
const MAX_REMEMBERED: usize = 1024;
/// What is compared when there is no such user, so that a wrong name takes as long as a wrong
/// password: the hash of some text.
const NOBODY: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// Users and the bcrypt hashes of their passwords, as `htpasswd -B` writes them.
pub struct Passwords {
    hashes: BTreeMap<Box<str>, Box<str>>,
}

/// Why a text is no list of passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the password file: {reason}")]
pub struct PasswordFileError {
    /// Number of the line, from 1.
    pub line: usize,
    reason: &'static str,
}

impl Passwords {
    /// Reads the content of an htpasswd file: `USER:HASH` lines, `#` begins a comment. Only bcrypt is
    /// taken; the older hashes of such files protect nothing any more.
    ///
    /// # Errors
    /// [`PasswordFileError`], which never quotes the line.
    pub fn parse(text: &str) -> Result<Self, PasswordFileError> {
        let mut hashes = BTreeMap::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |reason| PasswordFileError {
                line: number,
                reason,
            };
            let (user, hash) = line
                .split_once(':')
                .ok_or_else(|| error("expected USER:HASH"))?;
            if user.is_empty() {
                return Err(error("the name of the user is empty"));
            }
            let is_bcrypt = ["$2y$", "$2a$", "$2b$"]
                .iter()
                .any(|prefix| hash.starts_with(prefix));
            if !is_bcrypt || hash.parse::<bcrypt::HashParts>().is_err() {
                return Err(error("the hash is not bcrypt; write it with `htpasswd -B`"));
            }
            if hashes.insert(user.into(), hash.into()).is_some() {
                return Err(error("the user was named before"));
            }
        }
        Ok(Self { hashes })
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is no user.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn verify(&self, user: &str, password: &str) -> bool {
        let hash = self.hashes.get(user);
        let is_right =
            bcrypt::verify(password, hash.map_or(NOBODY, |hash| &**hash)).unwrap_or(false);
        is_right && hash.is_some()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("users", &self.hashes.keys())
            .finish_non_exhaustive()
    }
}

/// `Basic` authentication: users of a password file, and rules about what they may do.
pub struct BasicAccess {
    passwords: Passwords,
    rules: Rules,
    realm: String,
    remembered: Remembered,
}

/// Credentials that were right, by a hash with a random key: a dump of the memory shows none.
struct Remembered {
    key: [u8; 32],
    users: Mutex<HashMap<Digest, Box<str>>>,
}

impl BasicAccess {
    /// Users and rules. `realm` is what clients show when they ask for a password.
    ///
    /// # Errors
    /// [`Error::Storage`] when the system has no random numbers.
    pub fn new(
        passwords: Passwords,
        rules: Rules,
        realm: impl Into<String>,
    ) -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::storage("make a random key", error.to_string()))?;
        Ok(Self {
            passwords,
            rules,
            realm: realm.into(),
            remembered: Remembered {
                key,
                users: Mutex::default(),
            },
        })
    }
}

impl Access for BasicAccess {
    fn identify(&self, authorization: Option<&str>) -> Result<Caller, WrongCredentials> {
        let Some(authorization) = authorization else {
            return Ok(Caller::anonymous());
        };
        let (user, password) = parse(authorization).ok_or(WrongCredentials)?;
        let key = self.remembered.key_of(&user, &password);
        if self.remembered.contains(&key, &user) {
            return Ok(Caller::named(user));
        }
        if !self.passwords.verify(&user, &password) {
            return Err(WrongCredentials);
        }
        self.remembered.insert(key, &user);
        Ok(Caller::named(user))
    }

    fn allows(&self, caller: &Caller, wanted: &Wanted) -> bool {
        self.rules.allow(caller, wanted)
    }

    fn challenge(&self, caller: Option<&Caller>, _: &[Wanted]) -> Option<String> {
        // Whoever is known would not get further by logging in again.
        let is_known = caller.is_some_and(|caller| caller.name.is_some());
        (!is_known).then(|| format!("Basic realm={}", quoted(&self.realm)))
    }
}

impl fmt::Debug for BasicAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAccess")
            .field("passwords", &self.passwords)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Remembered {
    fn key_of(&self, user: &str, password: &str) -> Digest {
        let mut text = self.key.to_vec();
        text.extend_from_slice(user.as_bytes());
        text.push(0);
        text.extend_from_slice(password.as_bytes());
        Digest::sha256(&text)
    }

    fn contains(&self, key: &Digest, user: &str) -> bool {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(key).is_some_and(|known| **known == *user)
    }

    fn insert(&self, key: Digest, user: &str) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MAX_REMEMBERED {
            users.clear();
        }
        users.insert(key, user.into());
    }
}

/// User and password of a `Basic` header (RFC 7617).
fn parse(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
