//! One registry while it runs: everything that its connections share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};

use super::auth::Tokens;
use super::behaviour::{Auth, Behaviour};
use super::contents::Contents;
use super::journal::Journal;
use super::matching::Armed;
use super::rules::Origin;
use super::sessions::Sessions;
use super::wire::Head;

/// What all connections of a registry share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) behaviour: Behaviour,
    pub(super) contents: Contents,
    pub(super) places: Places,
    pub(super) sessions: Sessions,
    pub(super) tokens: Tokens,
    pub(super) journal: Journal,
    rules: Mutex<Armed>,
    tickets: Mutex<Tickets>,
}

/// Where the origins listen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// Of the registry and its token service.
    pub(super) scheme: &'static str,
    /// Of the other origin.
    pub(super) scheme_elsewhere: &'static str,
    pub(super) registry: SocketAddr,
    pub(super) tokens: Option<SocketAddr>,
    pub(super) elsewhere: SocketAddr,
}

impl Places {
    pub(super) fn url(&self, origin: Origin) -> String {
        match (origin, self.tokens) {
            // Without an origin of its own the token service is at the registry.
            (Origin::Tokens, Some(address)) => format!("{}://{address}", self.scheme),
            (Origin::Elsewhere, _) => format!("{}://{}", self.scheme_elsewhere, self.elsewhere),
            _ => format!("{}://{}", self.scheme, self.registry),
        }
    }
}

/// URLs that were signed.
#[derive(Debug, Default)]
struct Tickets {
    given: BTreeMap<String, Ticket>,
}

/// What a signed URL is good for.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) uses: Option<u64>,
    pub(super) get_only: bool,
}

impl State {
    pub(super) fn new(
        behaviour: Behaviour,
        contents: Contents,
        places: Places,
        rules: Armed,
    ) -> Self {
        Self {
            behaviour,
            contents,
            places,
            sessions: Sessions::default(),
            tokens: Tokens::default(),
            journal: Journal::new(),
            rules: Mutex::new(rules),
            tickets: Mutex::default(),
        }
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Armed> {
        self.rules
            .lock()
            .expect("nothing panics while it holds the rules")
    }

    /// Fills the placeholders of a text.
    pub(super) fn expand(&self, text: &str, target: &str) -> String {
        text.replace("{registry}", &self.places.url(Origin::Registry))
            .replace("{tokens}", &self.places.url(Origin::Tokens))
            .replace("{elsewhere}", &self.places.url(Origin::Elsewhere))
            .replace("{target}", target)
    }

    /// The realm of the challenge.
    pub(super) fn realm(&self) -> String {
        let own = match &self.behaviour.auth {
            Auth::Bearer(bearer) => bearer.realm.as_deref(),
            _ => None,
        };
        self.expand(own.unwrap_or("{tokens}/token"), "")
    }

    /// Whether whoever sends this request may read there.
    pub(super) fn may_pull(&self, head: &Head, repository: &str) -> bool {
        let need = (repository.to_owned(), "pull".to_owned());
        self.tokens.may(&self.behaviour.auth, head, &need)
    }

    /// The digest that a signed URL is for.
    pub(super) fn signed_for(&self, name: &str) -> Option<String> {
        let tickets = self.tickets();
        Some(tickets.given.get(name)?.digest.clone())
    }

    /// A URL at the other origin that is good for whoever has it.
    pub(super) fn sign(&self, ticket: Ticket) -> String {
        let mut tickets = self.tickets();
        let number = tickets.given.len() + 1;
        let name = format!("ticket-{number}");
        tickets.given.insert(name.clone(), ticket);
        let elsewhere = self.places.url(Origin::Elsewhere);
        format!("{elsewhere}/signed/{name}?X-Signature=signature-{number}-end")
    }

    /// What a signed URL is good for, once more; `None` when it is not any more.
    pub(super) fn redeem(&self, name: &str) -> Option<Ticket> {
        let mut tickets = self.tickets();
        let ticket = tickets.given.get_mut(name)?;
        let before = ticket.clone();
        ticket.uses = match ticket.uses {
            Some(0) => return None,
            Some(uses) => Some(uses - 1),
            None => None,
        };
        Some(before)
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets
            .lock()
            .expect("nothing panics while it holds the tickets")
    }
}
