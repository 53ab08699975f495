//! Who we are to a registry: challenges, tokens, credentials, and which of them may go where.

mod challenge;
mod credential;
mod docker_config;
mod scope;

pub use credential::{Anonymous, Credential, CredentialSource, Secret, SingleHost};
pub use docker_config::DockerConfig;
