//! Calling addresses that people name: by the name or the address that was checked, and nowhere else.
//!
//! A name is looked up once for each call, what it stands for is checked, and the connection goes to one of the addresses
//! that were checked: so a name that stands for something else a moment later leads nowhere. Nobody is followed elsewhere,
//! no proxy of the environment is asked, and no connection is kept for the next call.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::config;
use crate::webhooks::rules::address::is_public;
use crate::webhooks::rules::{Attempt, DeliveryFailure, Receiver};

/// So much of an answer is read at the most, and thrown away, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What is sent.
pub struct Call<'a> {
    /// Where to.
    pub receiver: &'a Receiver,
    /// What stands in its head besides what each has.
    pub headers: [(&'static str, String); 4],
    /// JSON.
    pub body: String,
}

/// Calls addresses.
pub struct Caller {
    timeout: Duration,
    /// Made when they are first needed: they read the system's certificates.
    public: OnceLock<reqwest::Client>,
    trusted: OnceLock<reqwest::Client>,
}

impl Caller {
    /// Prepares to call as configured. Nobody is connected to yet.
    pub fn new(settings: &config::Webhooks) -> Self {
        Self {
            timeout: Duration::from_millis(settings.timeout_ms.into()),
            public: OnceLock::new(),
            trusted: OnceLock::new(),
        }
    }

    /// Sends something, and says what came of it. What is answered besides the status is nobody's business.
    pub async fn call(&self, Call { receiver, headers, body }: Call<'_>) -> Attempt {
        let client = if receiver.is_trusted {
            self.client(&self.trusted, |builder| builder)
        } else {
            self.client(&self.public, |builder| builder.dns_resolver(PublicOnly(system_lookup)))
        };
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "no call can be prepared");
                return Attempt::Unanswered(DeliveryFailure::ConnectionFailed);
            }
        };
        let mut request =
            client.post(receiver.url.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(mut answer) => {
                let mut read = 0;
                // To its end, where that is near: whoever answers need not see a connection that breaks off.
                while let Ok(Some(chunk)) = answer.chunk().await {
                    read += chunk.len();
                    if read > ANSWER_LIMIT {
                        break;
                    }
                }
                Attempt::Answered(answer.status().as_u16())
            }
            Err(error) => Attempt::Unanswered(why(&error)),
        }
    }

    fn client<'a>(
        &self,
        kept: &'a OnceLock<reqwest::Client>,
        more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> reqwest::Result<&'a reqwest::Client> {
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("Otherwise/", env!("CARGO_PKG_VERSION"), " (webhooks)"))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .timeout(self.timeout);
        let client = more(builder).build()?;
        Ok(kept.get_or_init(|| client))
    }
}

/// Why there was no answer.
fn why(error: &reqwest::Error) -> DeliveryFailure {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Unresolved>() {
            return match refused {
                Unresolved::NotPublic => DeliveryFailure::AddressRefused,
                Unresolved::NotFound => DeliveryFailure::NameNotFound,
            };
        }
        cause = inner.source();
    }
    if error.is_timeout() { DeliveryFailure::Timeout } else { DeliveryFailure::ConnectionFailed }
}

/// Why a name leads nowhere.
#[derive(Debug)]
enum Unresolved {
    /// One of the addresses it stands for is not everybody's.
    NotPublic,
    /// It stands for none.
    NotFound,
}

impl std::fmt::Display for Unresolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotPublic => "the name stands for an address that is not called",
            Self::NotFound => "the name stands for no address",
        })
    }
}

impl std::error::Error for Unresolved {}

type Looked = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What a name stands for, as the system has it.
fn system_lookup(name: String) -> Looked {
    Box::pin(async move {
        let found = lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    })
}

/// Looks names up, and gives what they stand for only where all of it is everybody's: a name that stands for a neighbour
/// besides is not somebody's mistake.
struct PublicOnly<Lookup>(Lookup);

impl<Lookup: Fn(String) -> Looked + Send + Sync> Resolve for PublicOnly<Lookup> {
    fn resolve(&self, name: Name) -> Resolving {
        let looked = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let found = match looked.await {
                Ok(found) if !found.is_empty() => found,
                _ => return Err(Unresolved::NotFound.into()),
            };
            if !found.iter().all(|address| is_public(*address)) {
                return Err(Unresolved::NotPublic.into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|address| (address, 0).into()));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A name that stands for each of these in turn.
    fn stands_for(turns: Vec<Vec<&'static str>>) -> impl Fn(String) -> Looked + Send + Sync {
        let asked = AtomicUsize::new(0);
        move |_| -> Looked {
            let turn = asked.fetch_add(1, Ordering::Relaxed);
            let found: Vec<IpAddr> = turns[turn].iter().map(|text| text.parse().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        }
    }

    async fn resolved(resolver: &impl Resolve) -> Result<Vec<String>, String> {
        let found = resolver.resolve("scripts.example".parse().unwrap()).await;
        found
            .map(|addresses| addresses.map(|address| address.ip().to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn x6_a_name_is_called_only_where_all_it_stands_for_is_everybodys() {
        let resolver = PublicOnly(stands_for(vec![
            vec!["1.1.1.1", "2606:4700::1111"],
            // The same name, a moment later.
            vec!["127.0.0.1"],
            vec!["1.1.1.1", "10.0.0.1"],
            vec!["2606:4700::1111", "::ffff:127.0.0.1"],
            vec!["169.254.169.254"],
            vec!["fd00::1"],
            vec![],
        ]));
        assert_eq!(resolved(&resolver).await.unwrap(), ["1.1.1.1", "2606:4700::1111"]);
        for _ in 0..5 {
            assert_eq!(resolved(&resolver).await, Err(Unresolved::NotPublic.to_string()));
        }
        assert_eq!(resolved(&resolver).await, Err(Unresolved::NotFound.to_string()));
    }

    #[tokio::test]
    async fn x6_a_name_that_stands_for_this_machine_is_looked_up_once_and_nobody_is_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let lookup = {
            let asked = asked.clone();
            move |name: String| -> Looked {
                assert_eq!(name, "scripts.example");
                asked.fetch_add(1, Ordering::Relaxed);
                Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
            }
        };
        let client = reqwest::Client::builder().no_proxy().dns_resolver(PublicOnly(lookup)).build().unwrap();
        let error = client.get(format!("http://scripts.example:{port}/")).send().await.unwrap_err();
        assert_eq!(why(&error), DeliveryFailure::AddressRefused);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(
            listener.accept().unwrap_err().kind(),
            io::ErrorKind::WouldBlock,
            "somebody was connected to"
        );
    }

    #[tokio::test]
    async fn x6_the_name_of_this_machine_is_refused_as_the_system_has_it() {
        let caller = Caller::new(&config::Config::with_overrides("").unwrap().webhooks);
        let receiver = Receiver::read("https://localhost/", &[]).unwrap();
        let headers = ["a", "b", "c", "d"].map(|name| (name, String::new()));
        let attempt = caller.call(Call { receiver: &receiver, headers, body: String::new() }).await;
        assert_eq!(attempt, Attempt::Unanswered(DeliveryFailure::AddressRefused));
    }
}
