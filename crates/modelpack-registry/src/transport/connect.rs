//! Connections: TCP, and TLS where the build has it.

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::Outgoing;
use super::resolve::Resolver;
use crate::client::ClientBuilder;
use crate::error::Error;
use crate::policy::Reach;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector<Resolver>>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector<Resolver>;

pub(super) type Http = HttpClient<Connector, Outgoing>;

/// One pool of connections per reach, so that a connection made for a trusted name is never reused for
/// a place that an answer named.
pub(super) struct Pools {
    public: Http,
    private: Http,
    local: Http,
}

impl Pools {
    pub(super) fn new(options: &ClientBuilder) -> Result<Self, Error> {
        #[cfg(feature = "tls")]
        let tls = super::tls::config(options)?;
        let pool = |reach| {
            let mut http = HttpConnector::new_with_resolver(Resolver { reach });
            http.enforce_http(false);
            http.set_nodelay(true);
            http.set_connect_timeout(Some(options.connect_timeout));
            #[cfg(feature = "tls")]
            let http = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(http);
            HttpClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(http)
        };
        Ok(Self {
            public: pool(Reach::Public),
            private: pool(Reach::Private),
            local: pool(Reach::Local),
        })
    }

    pub(super) fn get(&self, reach: Reach) -> &Http {
        match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
            Reach::Local => &self.local,
        }
    }
}
