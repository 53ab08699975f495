//! Who we are to a registry: challenges, tokens, credentials, and which of them may go where.

mod challenge;
mod credential;
mod docker_config;
mod helper;
mod login_file;
mod realm;
mod scope;
mod token;
mod tries;

pub(crate) use challenge::parse as parse_challenges;
pub use credential::{Anonymous, Credential, CredentialSource, FirstOf, Secret, SingleHost};
pub use docker_config::{DockerConfig, LoginPlace};
pub use helper::{
    CredentialHelper, HelperAnswer, HelperFailed, HelperName, InvalidHelperName, WithHelpers,
};
pub use login_file::{LoginFile, login_server};
pub(crate) use realm::Realm;
pub(crate) use scope::Scopes;
pub(crate) use token::{Token, TokenCache, TokenKey, parse_token};
pub(crate) use tries::{Context, Next, Tries};

#[cfg(test)]
mod tests;
