//! Speaking to identity providers by OpenID Connect: the only part that calls other servers by HTTP.
//!
//! A provider is asked what it says of itself when that is first needed, never at the start, and that is kept for
//! an hour. It is believed what it signed for us, in answer to the request that we made, and of that no more
//! than who somebody is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGrantType, CoreIdToken, CoreIdTokenClaims,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use crate::clock::Time;
use crate::config::{self, Config, is_https_or_local};

/// The largest answer that is read of a provider, in bytes.
const ANSWER_LIMIT: usize = 256 * 1024;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);

/// How old a proof may be that a provider is asked to have anew. What it says of that is checked more closely.
const MAX_AGE: Duration = Duration::from_mins(10);

/// For how long it is kept what a provider says of itself.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// How soon it is asked again, where it signed with a key that it had not named before.
const ASKED_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// For how long a provider that did not answer is not asked again.
const LEFT_ALONE: TimeDelta = TimeDelta::seconds(2);

/// What a provider may sign with: a key of which it keeps the one half for itself.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why a provider did not tell who somebody is.
#[derive(Debug)]
pub enum Failure {
    /// Nobody answers, or not as agreed: nothing is said of the person.
    Away(String),
    /// It does not know the code, or what it signed is not for us, not now or not in answer to this request.
    Refused(String),
}

/// What ties the answer of a provider to the request it answers. None of it is kept.
#[derive(Clone)]
pub struct Bindings {
    /// Comes back with the code.
    pub state: String,
    /// Comes back in what the provider signs.
    pub nonce: String,
    /// Shown with the code, of whose request only the hash was part (PKCE, RFC 7636).
    pub verifier: String,
}

/// Somebody, as a provider knows them: by these two together, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
}

/// A code that a provider gave, and what it was asked for.
#[derive(Clone)]
pub struct Redemption {
    /// As it came.
    pub code: String,
    /// What it must be tied to.
    pub bindings: Bindings,
    /// The person must have proved who they are no earlier than this.
    pub proved_since: Option<Time>,
}

/// What we read of a provider's description of itself besides what the library reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Further {
    /// Whether it names itself in every answer (RFC 9207).
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Further {}

type Metadata = ProviderMetadata<
    Further,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What a provider said of itself, and when.
struct Description {
    metadata: Arc<Metadata>,
    read_at: Time,
}

/// Every provider of a server, by its name.
pub struct Providers(BTreeMap<String, Arc<Provider>>);

impl Providers {
    /// Those that are configured. Nobody is connected to yet.
    pub fn new(config: &Config) -> Self {
        let leeway = TimeDelta::seconds(config.auth.leeway_secs.into());
        let provider = |settings: &config::IdentityProvider| {
            Arc::new(Provider {
                settings: settings.clone(),
                leeway,
                http: OnceLock::new(),
                description: Mutex::new(None),
                left_alone_until: std::sync::Mutex::new(None),
            })
        };
        Self(
            config
                .identity_providers
                .iter()
                .map(|(name, settings)| (name.clone(), provider(settings)))
                .collect(),
        )
    }

    /// The provider of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.0.get(name)
    }

    /// Whether people may sign in with this provider, by whatever name.
    pub fn have_issuer(&self, issuer: &str) -> bool {
        self.0.values().any(|provider| provider.settings.issuer == issuer)
    }

    /// The name and the title of each.
    pub fn titles(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, provider)| (name.as_str(), provider.settings.title.as_str()))
    }
}

/// A provider.
pub struct Provider {
    settings: config::IdentityProvider,
    leeway: TimeDelta,
    /// Made when it is first needed: it reads the system's certificates.
    http: OnceLock<reqwest::Client>,
    /// Held while it is read, so that it is read once however many wait for it.
    description: Mutex<Option<Description>>,
    left_alone_until: std::sync::Mutex<Option<Time>>,
}

impl Provider {
    /// Where somebody is sent to say who they are: again, where they must prove it `anew`.
    ///
    /// # Errors
    /// The provider is away.
    pub async fn authorization_url(&self, bindings: Bindings, anew: bool, now: Time) -> Result<Url, Failure> {
        let client = self.client(&*self.metadata(now, KEPT).await?)?;
        let Bindings { state, nonce, verifier } = bindings;
        let verifier = PkceCodeVerifier::new(verifier);
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in self.settings.scopes.split_whitespace().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if anew {
            // The age makes it say when that was; 0 would be the same as the prompt, and sends people in a circle
            // where it takes longer than a second to come back.
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(MAX_AGE);
        }
        Ok(request.url().0)
    }

    /// Whether an answer says that it comes from this provider, as it must where the provider always says so: it
    /// may be one of another provider that somebody was talked into (RFC 9207).
    ///
    /// # Errors
    /// It does not, or the provider is away.
    pub async fn is_answer_of(&self, issuer: Option<&str>, now: Time) -> Result<(), Failure> {
        let said = if let Some(issuer) = issuer {
            issuer == self.settings.issuer
        } else {
            let metadata = self.metadata(now, KEPT).await?;
            !metadata.additional_metadata().authorization_response_iss_parameter_supported
        };
        if said { Ok(()) } else { Err(Failure::Refused("it is the answer of another provider".to_owned())) }
    }

    /// Gives the provider a code, and learns who it was given to.
    ///
    /// # Errors
    /// It does not know the code, what it signed is not right, or it is away.
    pub async fn redeem(&self, redemption: Redemption, now: Time) -> Result<Person, Failure> {
        let Redemption { code, bindings, proved_since } = redemption;
        let metadata = self.metadata(now, KEPT).await?;
        let client = self.client(&metadata)?;
        let http = Http(self.http()?);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| Failure::Away("it names no place for codes".to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(bindings.verifier));
        let answered = self.in_time(request.request_async(&http)).await?.map_err(|error| match error {
            // That we are not who we say is nothing that the person could do anything about.
            RequestTokenError::ServerResponse(said)
                if matches!(
                    said.error(),
                    CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient
                ) =>
            {
                Failure::Away("it does not know client_id and client_secret".to_owned())
            }
            RequestTokenError::ServerResponse(said) => {
                Failure::Refused(format!("it refused the code: {}", said.error().as_ref()))
            }
            RequestTokenError::Request(error) => Failure::Away(error.0),
            // Without the answer, which may hold tokens.
            RequestTokenError::Parse(error, _) => {
                Failure::Away(format!("its answer cannot be read, at {}", error.path()))
            }
            RequestTokenError::Other(what) => Failure::Away(what),
        })?;
        let token = answered.id_token().ok_or_else(|| Failure::Away("it signed nothing".to_owned()))?;
        let nonce = Nonce::new(bindings.nonce);
        let claims = match self.verified(&client, token, &nonce, now) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let client = self.client(&*self.metadata(now, ASKED_AGAIN).await?)?;
                self.verified(&client, token, &nonce, now)
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Failure::Refused(format!("{error}{}", cause.unwrap_or_default()))
        })?;
        self.person(&claims, proved_since)
    }

    fn verified(
        &self,
        client: &Client,
        token: &CoreIdToken,
        nonce: &Nonce,
        now: Time,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let leeway = self.leeway;
        let verifier =
            client.id_token_verifier().set_allowed_algs(SIGNATURES).set_time_fn(move || now - leeway);
        token.claims(&verifier, nonce).cloned()
    }

    fn person(&self, claims: &CoreIdTokenClaims, proved_since: Option<Time>) -> Result<Person, Failure> {
        let refused = |why: &str| Err(Failure::Refused(why.to_owned()));
        if claims.authorized_party().is_some_and(|party| **party != self.settings.client_id) {
            return refused("it was signed for another party");
        }
        if let Some(since) = proved_since
            && claims.auth_time().is_none_or(|proved| proved < since - self.leeway)
        {
            return refused("the person did not prove anew who they are");
        }
        let subject = claims.subject().as_str();
        if !(1..=255).contains(&subject.len()) || subject.chars().any(char::is_control) {
            return refused("the subject is no such name");
        }
        Ok(Person { issuer: self.settings.issuer.clone(), subject: subject.to_owned() })
    }

    fn client(&self, metadata: &Metadata) -> Result<Client, Failure> {
        let settings = &self.settings;
        let redirect_uri = RedirectUrl::new(settings.redirect_uri.clone())
            .map_err(|_| Failure::Away("redirect_uri is no URL".to_owned()))?;
        let secret = Some(settings.client_secret.expose_secret()).filter(|secret| !secret.is_empty());
        let ways = metadata.token_endpoint_auth_methods_supported();
        let knows = |way| ways.is_none_or(|ways| ways.contains(&way));
        let way = match secret {
            Some(_) if knows(CoreClientAuthMethod::ClientSecretBasic) => AuthType::BasicAuth,
            _ => AuthType::RequestBody,
        };
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(settings.client_id.clone()),
            secret.map(|secret| ClientSecret::new(secret.to_owned())),
        );
        Ok(client.set_redirect_uri(redirect_uri).set_auth_type(way))
    }

    fn http(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(Duration::from_millis(self.settings.timeout_ms))
            .build()
            .map_err(|error| Failure::Away(format!("no connection can be prepared: {error}")))?;
        Ok(self.http.get_or_init(|| client))
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        timeout(Duration::from_millis(self.settings.timeout_ms), answer)
            .await
            .map_err(|_| Failure::Away("it did not answer in time".to_owned()))
    }

    /// What the provider says of itself, no older than this.
    async fn metadata(&self, now: Time, at_most: TimeDelta) -> Result<Arc<Metadata>, Failure> {
        let mut description = self.description.lock().await;
        if let Some(kept) = &*description
            && now - kept.read_at < at_most
        {
            return Ok(kept.metadata.clone());
        }
        // Whoever waited for the same must not wait for it once more.
        let left_alone = || self.left_alone_until.lock().unwrap_or_else(PoisonError::into_inner);
        if left_alone().is_some_and(|until| now < until) {
            return Err(Failure::Away("it did not answer a moment ago".to_owned()));
        }
        match self.describe().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *description = Some(Description { metadata: metadata.clone(), read_at: now });
                Ok(metadata)
            }
            Err(failure) => {
                *left_alone() = Some(now + LEFT_ALONE);
                Err(failure)
            }
        }
    }

    async fn describe(&self) -> Result<Metadata, Failure> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|_| Failure::Away("issuer is no URL".to_owned()))?;
        let http = Http(self.http()?);
        let described = self.in_time(Metadata::discover_async(issuer, &http)).await?;
        let metadata = described.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Failure::Away(format!(
                "what it says of itself is of no use: {error}{}",
                cause.unwrap_or_default()
            ))
        })?;
        // People are sent there with what is theirs.
        if is_https_or_local(metadata.authorization_endpoint().url()) {
            Ok(metadata)
        } else {
            Err(Failure::Away("it sends people elsewhere than to https".to_owned()))
        }
    }
}

/// Calls a provider: by https unless it is on this machine, without following it elsewhere, and reads no more
/// of its answer than an answer has.
struct Http<'a>(&'a reqwest::Client);

/// Why a call came to nothing.
#[derive(Debug)]
struct CallError(String);

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CallError {}

impl<'c> AsyncHttpClient<'c> for Http<'_> {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let failed = |error: reqwest::Error| {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                CallError(format!("{}{}", error.without_url(), cause.unwrap_or_default()))
            };
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string())
                .ok()
                .filter(is_https_or_local)
                .ok_or_else(|| CallError("it names a place that is not https".to_owned()))?;
            let call = self.0.request(parts.method, url).headers(parts.headers).body(body);
            let mut answer = call.send().await.map_err(failed)?;
            // Nothing that is said with these is a word on what was asked.
            if answer.status().is_server_error() || answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS
            {
                return Err(CallError(format!("it answered with status {}", answer.status().as_u16())));
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                if bytes.len() + chunk.len() > ANSWER_LIMIT {
                    return Err(CallError(format!("its answer is larger than {ANSWER_LIMIT} bytes")));
                }
                bytes.extend_from_slice(&chunk);
            }
            let mut response = HttpResponse::new(bytes);
            *response.status_mut() = answer.status();
            response.headers_mut().clone_from(answer.headers());
            Ok(response)
        })
    }
}
