//! Calling the API of a server.

use anyhow::{Context, anyhow, bail, ensure};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

/// The API of a server, for somebody with a token.
pub(super) struct Api {
    client: Client,
    base: Url,
    token: String,
}

impl Api {
    /// The API of the server at an address.
    ///
    /// # Errors
    /// It is no address, or one over which everybody would see the token.
    pub(super) fn new(server: &str, token: &str) -> anyhow::Result<Self> {
        let base = Url::parse(server).with_context(|| format!("{server} is no address"))?;
        let is_here = match base.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        ensure!(
            base.scheme() == "https" || (base.scheme() == "http" && is_here),
            "{server}: use https, so that nobody on the way reads the token"
        );
        // A redirection would carry the token elsewhere.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("otherwise/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("preparing to connect")?;
        Ok(Self { client, base, token: token.to_owned() })
    }

    fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let url = self.base.join(&format!("/api/v1{path}")).with_context(|| format!("{path} is no path"))?;
        Ok(self.client.request(method, url).bearer_auth(&self.token))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        // The library's words would name the address and say nothing of what to do.
        let answer = request.send().await.map_err(|error| {
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            anyhow!("{} cannot be reached: {cause}", self.base)
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<Value>(&text) else {
            bail!("{} answered {status}", self.base);
        };
        Err(refusal(status, &problem))
    }

    /// What a path answers.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        read(self.send(self.request(Method::GET, path)?).await?).await
    }

    /// The version of what a path answers, for `If-Match`.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(super) async fn version(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.send(self.request(Method::GET, path)?).await?;
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok());
        tag.map(str::to_owned).context("the server said nothing of its version")
    }

    /// What comes of sending something to a path; null where there is nothing to say.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(super) async fn post(
        &self,
        path: &str,
        body: Option<Value>,
        if_match: Option<&str>,
    ) -> anyhow::Result<Value> {
        let body = body.unwrap_or_else(|| serde_json::json!({}));
        let mut request = self
            .request(Method::POST, path)?
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        read(self.send(request).await?).await
    }

    /// The items of a list, page by page, so many at the most.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(super) async fn pages(
        &self,
        path: &str,
        query: Vec<(&str, String)>,
        most: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after = None;
        while items.len() < most {
            let page = (most - items.len()).min(100).to_string();
            let mut query: Vec<_> = query.clone();
            query.push(("limit", page));
            query.extend(after.take().map(|after| ("after", after)));
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
            let mut answer = self.get(&format!("{path}?{query}")).await?;
            items.extend(answer["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
            match answer["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(items)
    }

    /// Hands over what the events of a path bring, until they end.
    ///
    /// # Errors
    /// As [`Api::get`], and where the connection breaks.
    pub(super) async fn events(&self, path: &str, mut each: impl FnMut(Value)) -> anyhow::Result<()> {
        let mut answer = self.send(self.request(Method::GET, path)?).await?;
        let mut waiting = Vec::new();
        while let Some(bytes) =
            answer.chunk().await.context("the connection broke: the job goes on without it")?
        {
            waiting.extend_from_slice(&bytes);
            while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = waiting.drain(..=end).collect();
                let Some(data) = line.strip_prefix(b"data: ") else { continue };
                each(serde_json::from_slice(data).context("an event of the server is not JSON")?);
            }
        }
        Ok(())
    }
}

async fn read(answer: Response) -> anyhow::Result<Value> {
    let text = answer.text().await.context("the answer did not arrive whole")?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).context("the answer is not JSON: is this an Otherwise server?")
}

/// What the server says when it refuses, in its own words.
fn refusal(status: u16, problem: &Value) -> anyhow::Error {
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    let fields = problem["errors"].as_array().into_iter().flatten().map(|field| {
        let of = |name: &str| field[name].as_str().unwrap_or_default();
        format!("\n  {}: {} ({})", of("field"), of("detail"), of("code"))
    });
    let said = format!("{status} {}: {}{}", text("code"), text("detail"), fields.collect::<String>());
    anyhow!(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_token_goes_over_no_open_line() {
        for fine in
            ["https://debates.example", "http://127.0.0.1:8080", "http://localhost:80/", "http://[::1]:8080"]
        {
            assert!(Api::new(fine, "x").is_ok(), "{fine}");
        }
        for open in [
            "http://debates.example",
            "http://10.0.0.1",
            "ftp://localhost",
            "http://localhost.example",
            "debates",
        ] {
            assert!(Api::new(open, "x").is_err(), "{open}");
        }
    }

    #[test]
    fn refusals_are_in_the_words_of_the_server() {
        let problem = json!({ "code": "invalid", "detail": "Some fields are not acceptable.", "errors": [
            { "field": "note", "code": "missing", "detail": "This field is needed." },
        ] });
        assert_eq!(
            refusal(422, &problem).to_string(),
            "422 invalid: Some fields are not acceptable.\n  note: This field is needed. (missing)"
        );
    }
}
