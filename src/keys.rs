//! The server's secrets: the key that signs access tokens, and one secret from which the others derive.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;

use crate::clock::Time;
use crate::config::Config;
use crate::error::{Error, Result};

/// How long one key hashes clients' addresses, in seconds.
const CLIENT_KEY_SECS: i64 = 90 * 24 * 60 * 60;

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&SHA256, bytes).as_ref());
    hash
}

/// The HMAC-SHA256 of some bytes under a key that is shared with somebody.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    mac.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref());
    mac
}

/// Bytes nobody can guess.
///
/// # Errors
/// The system has no randomness to give.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::internal(anyhow::anyhow!("the system gave no randomness")))?;
    Ok(bytes)
}

/// An Ed25519 key that signs access tokens.
pub struct SigningKey {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
    kid: String,
}

impl SigningKey {
    fn read(pem: &str) -> anyhow::Result<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let pkcs8 = BASE64_STANDARD.decode(body).context("the signing key is not PEM")?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8)
            .map_err(|error| anyhow::anyhow!("the signing key is not an Ed25519 key in PKCS #8: {error}"))?;
        let public = pair.public_key().as_ref().to_vec();
        Ok(Self { kid: BASE64_URL_SAFE_NO_PAD.encode(&sha256(&public)[..12]), public, pkcs8 })
    }

    /// The key, as PKCS #8.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Its public half, as 32 bytes.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Its name, from the hash of its public half.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// The public half of a key that signs no more; what it signed is still good until a moment.
struct RetiredKey {
    kid: String,
    public: Vec<u8>,
    /// In seconds since 1970.
    until: i64,
}

impl RetiredKey {
    /// Reads a line of the file of retired keys: name, public half in base64, and the moment.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (kid, public, until) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            kid: kid.to_owned(),
            public: BASE64_STANDARD.decode(public).ok()?,
            until: until.parse().ok()?,
        })
    }

    fn write(&self) -> String {
        format!("{} {} {}\n", self.kid, BASE64_STANDARD.encode(&self.public), self.until)
    }
}

/// The key that signs, and those whose signatures are still good.
struct SigningKeys {
    current: Arc<SigningKey>,
    retired: Vec<RetiredKey>,
    /// Which file this was read from: another file is another key.
    read_from: Option<(u64, SystemTime)>,
}

/// All keys of one server. Has no `Debug`, so that none is ever printed.
pub struct Keys {
    /// Where the signing key is kept, if it may be replaced while the server runs.
    folder: Option<PathBuf>,
    signing: RwLock<Arc<SigningKeys>>,
    cursor: hmac::Key,
    fingerprint: hmac::Key,
    pseudonym: hmac::Key,
    refresh: hmac::Key,
    client: hmac::Key,
    checkpoint: Ed25519KeyPair,
    seal: LessSafeKey,
}

/// What came of giving a server another signing key.
pub struct Rotated {
    /// The new key's name.
    pub kid: String,
    /// The name of the one before.
    pub retired_kid: String,
    /// Until when its signatures are good, in seconds since 1970.
    pub until: i64,
}

/// So long after the last token it may have signed is a retired key forgotten, in seconds: servers need a
/// moment to take up the new one, and clocks differ.
const RETIREMENT_MARGIN: i64 = 90;

impl Keys {
    /// Takes the keys that the configuration names, or those in the data folder, made at first use.
    ///
    /// # Errors
    /// A key cannot be read or made, or is too weak to be one.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data_dir.join("keys");
        let named = &config.auth.signing_key_file;
        let signing = if named.as_os_str().is_empty() {
            kept(&folder.join(SIGNING), new_signing_pem)?;
            read_signing(&folder)?
        } else {
            let retired = config.auth.retired_signing_key_files.iter().map(|file| {
                let SigningKey { kid, public, .. } = SigningKey::read(&named_pem(file)?)?;
                Ok(RetiredKey { kid, public, until: i64::MAX })
            });
            let retired = retired.collect::<anyhow::Result<_>>()?;
            SigningKeys { current: Arc::new(SigningKey::read(&named_pem(named)?)?), retired, read_from: None }
        };
        let given = config.auth.secret.expose_secret();
        let secret = if given.is_empty() {
            kept(&folder.join("secret"), || Ok(BASE64_STANDARD.encode(random::<32>()?)))?
        } else {
            given.to_owned()
        };
        let folder = signing.read_from.is_some().then_some(folder);
        Self::assemble(folder, signing, &secret)
    }

    /// Checks the keys that the configuration names, and makes none: what `otherwise config check` does.
    ///
    /// # Errors
    /// A key that is named cannot be read, or is too weak to be one.
    pub fn check(config: &Config) -> anyhow::Result<()> {
        let named = &config.auth.signing_key_file;
        let named = (!named.as_os_str().is_empty()).then_some(named);
        for file in named.into_iter().chain(&config.auth.retired_signing_key_files) {
            SigningKey::read(&named_pem(file)?).with_context(|| file.display().to_string())?;
        }
        let given = config.auth.secret.expose_secret();
        if !given.is_empty() {
            checked_secret(given)?;
        }
        Ok(())
    }

    /// Builds the keys from a PKCS #8 PEM and a secret in base64.
    ///
    /// # Errors
    /// The PEM holds no Ed25519 key, or the secret is not 32 random bytes or more.
    pub fn new(signing_pem: &str, secret: &str) -> anyhow::Result<Self> {
        let current = Arc::new(SigningKey::read(signing_pem)?);
        Self::assemble(None, SigningKeys { current, retired: Vec::new(), read_from: None }, secret)
    }

    fn assemble(folder: Option<PathBuf>, signing: SigningKeys, secret: &str) -> anyhow::Result<Self> {
        let root = checked_secret(secret)?;
        let root = hmac::Key::new(hmac::HMAC_SHA256, &root);
        let derive = |label: &str| hmac::sign(&root, label.as_bytes());
        let seal = UnboundKey::new(&AES_256_GCM, derive("otherwise seal").as_ref())
            .map_err(|_| anyhow::anyhow!("the sealing key could not be made"))?;
        let checkpoint = Ed25519KeyPair::from_seed_unchecked(derive("otherwise checkpoint").as_ref())
            .map_err(|error| anyhow::anyhow!("the key of checkpoints could not be made: {error}"))?;
        let keyed = |label| hmac::Key::new(hmac::HMAC_SHA256, derive(label).as_ref());
        Ok(Self {
            folder,
            signing: RwLock::new(Arc::new(signing)),
            cursor: keyed("otherwise cursor"),
            fingerprint: keyed("otherwise fingerprint"),
            pseudonym: keyed("otherwise pseudonym"),
            refresh: keyed("otherwise refresh"),
            client: keyed("otherwise client"),
            checkpoint,
            seal: LessSafeKey::new(seal),
        })
    }

    /// Gives the servers over a data folder another signing key. They take it up at once; what the one before
    /// signed stays good as long as such tokens live, or not at all where `at_once` is asked for.
    ///
    /// # Errors
    /// The configuration names its key, or the folder cannot be written.
    pub fn rotate(config: &Config, now: i64, at_once: bool) -> anyhow::Result<Rotated> {
        ensure!(
            config.auth.signing_key_file.as_os_str().is_empty(),
            "auth.signing_key_file names the key: put another file there, add the old one to \
             auth.retired_signing_key_files, and restart the servers one after the other"
        );
        let folder = config.data_dir.join("keys");
        let before = read_signing(&folder).context("there is no key to replace yet")?;
        let life = i64::from(config.auth.access_token_ttl_secs) + i64::from(config.auth.leeway_secs);
        let until = if at_once { now } else { now + life + RETIREMENT_MARGIN };
        let retired_kid = before.current.kid.clone();
        let mut retired: Vec<RetiredKey> =
            before.retired.into_iter().filter(|key| !at_once && key.until > now).collect();
        if !at_once {
            let public = before.current.public.clone();
            retired.push(RetiredKey { kid: retired_kid.clone(), public, until });
        }
        // The old key is known as retired before it is replaced: at no moment is its signature unknown.
        write_private(&folder.join(RETIRED), &retired.iter().map(RetiredKey::write).collect::<String>())?;
        write_private(&folder.join(SIGNING), &new_signing_pem()?)?;
        Ok(Rotated { kid: read_signing(&folder)?.current.kid.clone(), retired_kid, until })
    }

    /// The keys as they are in the data folder now.
    fn refreshed(&self) -> Arc<SigningKeys> {
        let present = self.signing.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(folder) = &self.folder else { return present };
        if identity(&folder.join(SIGNING)).is_some_and(|file| Some(file) == present.read_from) {
            return present;
        }
        match read_signing(folder) {
            Ok(replaced) => {
                tracing::info!(kid = replaced.current.kid, "signing with another key from now on");
                let replaced = Arc::new(replaced);
                *self.signing.write().unwrap_or_else(PoisonError::into_inner) = replaced.clone();
                replaced
            }
            Err(error) => {
                tracing::error!("the signing key was replaced and cannot be read: {error:#}");
                present
            }
        }
    }

    /// The key that signs now.
    pub fn signing_key(&self) -> Arc<SigningKey> {
        self.refreshed().current.clone()
    }

    /// The public half of the key of this name, if its signatures are good at this moment (in seconds since
    /// 1970). Each time it is looked whether the key was replaced: a key that somebody else has must be
    /// refused at once.
    pub fn verifying_key(&self, kid: &str, now: i64) -> Option<Vec<u8>> {
        let keys = self.refreshed();
        if keys.current.kid == kid {
            return Some(keys.current.public.clone());
        }
        let retired = keys.retired.iter().find(|key| key.kid == kid && key.until > now);
        retired.map(|key| key.public.clone())
    }

    /// Marks a cursor of one list as ours.
    pub fn cursor_mac(&self, list: &str, payload: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.cursor);
        context.update(list.as_bytes());
        context.update(&[0]);
        context.update(payload);
        let mut mac = [0; 16];
        mac.copy_from_slice(&context.sign().as_ref()[..16]);
        mac
    }

    /// Tells one request body from another without being a hash that guesses could be tried on.
    pub fn fingerprint(&self, operation: &str, body: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.fingerprint);
        context.update(operation.as_bytes());
        context.update(&[0]);
        context.update(body);
        context.sign().as_ref().to_vec()
    }

    /// Stands for somebody whom a table counts without naming them: the same in one context, different in
    /// another, and no use to whoever has the table alone.
    pub fn pseudonym(&self, context: &str, value: &[u8]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.pseudonym);
        mac.update(context.as_bytes());
        mac.update(&[0]);
        mac.update(value);
        let mut pseudonym = [0; 32];
        pseudonym.copy_from_slice(mac.sign().as_ref());
        pseudonym
    }

    /// The refresh token that follows another one: always the same, so that a client whose answer was
    /// lost gets it again although only hashes are stored.
    pub fn refresh_successor(&self, token: &[u8; 32]) -> [u8; 32] {
        let mut next = [0; 32];
        next.copy_from_slice(hmac::sign(&self.refresh, token).as_ref());
        next
    }

    /// Tells clients apart without saying where they are. The key changes every 90 days: within them two
    /// hashes of one address are equal, and longer nobody can follow a client with the database alone.
    pub fn client_hash(&self, address: IpAddr, at: Time) -> Vec<u8> {
        let period = at.timestamp().div_euclid(CLIENT_KEY_SECS);
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.client, &period.to_be_bytes()).as_ref());
        hmac::sign(&key, address.to_canonical().to_string().as_bytes()).as_ref()[..16].to_vec()
    }

    /// Signs a checkpoint of the audit log (Ed25519). The key is not the one of access tokens: that one is
    /// replaced from time to time, and old checkpoints must stay good.
    pub fn sign_checkpoint(&self, statement: &[u8]) -> Vec<u8> {
        self.checkpoint.sign(statement).as_ref().to_vec()
    }

    /// Whether this server, or another one with its secret, signed a checkpoint.
    pub fn signed_checkpoint(&self, statement: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.checkpoint.public_key().as_ref());
        key.verify(statement, signature).is_ok()
    }

    /// The public half of the key that signs checkpoints, as 32 bytes: whoever has it can check them elsewhere.
    pub fn checkpoint_public(&self) -> &[u8] {
        self.checkpoint.public_key().as_ref()
    }

    /// Encrypts what must be kept but not be readable in a copy of the database (AES-256-GCM).
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn seal(&self, context: &str, mut secret: Vec<u8>) -> Result<Vec<u8>> {
        let nonce = random::<NONCE_LEN>()?;
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut secret,
            )
            .map_err(|_| Error::internal(anyhow::anyhow!("sealing failed")))?;
        Ok([nonce.as_slice(), &secret].concat())
    }

    /// Decrypts what [`Keys::seal`] made in the same context.
    ///
    /// # Errors
    /// It was made in another context, with other keys, or was altered.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let broken =
            || Error::internal(anyhow::anyhow!("a sealed value does not open: were the keys replaced?"));
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(broken)?;
        let mut secret = rest.to_vec();
        let opened = self
            .seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context.as_bytes()), &mut secret)
            .map_err(|_| broken())?
            .len();
        secret.truncate(opened);
        Ok(secret)
    }
}

fn named_pem(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading the signing key {}", file.display()))
}

/// Names of files in the folder of keys.
const SIGNING: &str = "signing.pem";
const RETIRED: &str = "retired";

/// What tells one file of a name from the next: each is written anew and renamed.
fn identity(file: &Path) -> Option<(u64, SystemTime)> {
    let about = fs::metadata(file).ok()?;
    Some((std::os::unix::fs::MetadataExt::ino(&about), about.modified().ok()?))
}

fn read_signing(folder: &Path) -> anyhow::Result<SigningKeys> {
    let file = folder.join(SIGNING);
    // Before it is read: a file that is replaced meanwhile is read again.
    let read_from = identity(&file);
    let pem = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let current = Arc::new(SigningKey::read(&pem).with_context(|| file.display().to_string())?);
    // After the key: what it replaced stands there by now.
    let retired = match fs::read_to_string(folder.join(RETIRED)) {
        Ok(lines) => lines.lines().filter_map(RetiredKey::read).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).context("reading the retired signing keys"),
    };
    Ok(SigningKeys { current, retired, read_from })
}

/// Makes a new Ed25519 key, as a PKCS #8 PEM.
///
/// # Errors
/// The system has no randomness to give.
pub fn new_signing_pem() -> anyhow::Result<String> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new())
        .map_err(|_| anyhow::anyhow!("the signing key could not be made"))?;
    let body = BASE64_STANDARD.encode(pkcs8.as_ref());
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Refuses what looks like a password, a default or a pattern rather than 32 random bytes.
fn checked_secret(text: &str) -> anyhow::Result<Vec<u8>> {
    const HOW: &str = "make one with: head -c 32 /dev/urandom | base64";
    let Ok(secret) = BASE64_STANDARD.decode(text.trim()) else {
        bail!("auth.secret is not base64; {HOW}");
    };
    ensure!(secret.len() >= 32, "auth.secret has {} bytes and needs 32 or more; {HOW}", secret.len());
    let mut seen = [false; 256];
    for byte in &secret {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    // 32 random bytes have fewer than 20 distinct values about once in ten million million draws.
    ensure!(distinct >= 20, "auth.secret repeats itself too much to be random; {HOW}");
    ensure!(!secret.is_ascii(), "auth.secret is text, not random bytes; {HOW}");
    Ok(secret)
}

/// Reads a key from its file, or makes it and keeps it there for the owner's eyes only.
fn kept(file: &PathBuf, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<String> {
    match fs::read_to_string(file) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    }
    let text = make()?;
    write_private(file, &text).with_context(|| format!("keeping a new key in {}", file.display()))?;
    tracing::info!(file = %file.display(), "made a new key; back it up together with the database");
    Ok(text)
}

/// Writes beside the file and renames, so that a crash leaves no half of a key.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let beside = file.with_extension("new");
    let mut new = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        keys_of(0)
    }

    fn keys_of(number: u8) -> Keys {
        let secret: Vec<u8> = (100 + number..140 + number).collect();
        Keys::new(&new_signing_pem().unwrap(), &BASE64_STANDARD.encode(secret)).unwrap()
    }

    #[test]
    fn sealed_values_open_only_in_their_context() {
        let keys = keys();
        let sealed = keys.seal("one", b"secret".to_vec()).unwrap();
        assert_eq!(keys.open("one", &sealed).unwrap(), b"secret");
        assert!(keys.open("two", &sealed).is_err());
        assert!(keys.open("one", &sealed[..sealed.len() - 1]).is_err());
        assert!(keys.open("one", &[]).is_err());
    }

    fn data_folder() -> (PathBuf, Config) {
        let folder = std::env::temp_dir()
            .join(format!("otherwise-keys-{}", uuid::Uuid::from_bytes(random().unwrap())));
        let config = Config::with_overrides(&format!("data_dir = '{}'", folder.display())).unwrap();
        (folder, config)
    }

    #[test]
    fn t4_a_key_that_is_replaced_signs_no_more_and_is_good_for_what_it_signed() {
        let (folder, config) = data_folder();
        let (one, other) = (Keys::load(&config).unwrap(), Keys::load(&config).unwrap());
        let first = one.signing_key();
        let rotated = Keys::rotate(&config, 1_000, false).unwrap();
        assert_eq!(
            (&*rotated.retired_kid, rotated.until),
            (first.kid(), 1_000 + 600 + 5 + RETIREMENT_MARGIN)
        );
        // Every server over the folder takes up the new key.
        assert_eq!(one.signing_key().kid(), rotated.kid);
        assert!(other.verifying_key(&rotated.kid, 1_000).is_some());
        assert_eq!(other.signing_key().kid(), rotated.kid);
        for keys in [&one, &other] {
            let public = keys.verifying_key(first.kid(), rotated.until - 1);
            assert_eq!(public.as_deref(), Some(first.public()));
            assert_eq!(keys.verifying_key(first.kid(), rotated.until), None);
            assert_eq!(keys.verifying_key("nobody's", 1_000), None);
        }
        // Two in a row: both old keys are still good.
        let second = Keys::rotate(&config, 1_010, false).unwrap();
        for kid in [first.kid(), &rotated.kid, &second.kid] {
            assert!(one.verifying_key(kid, 1_020).is_some(), "{kid}");
        }
        let third = Keys::rotate(&config, 1_030, true).unwrap();
        for kid in [first.kid(), &rotated.kid, &second.kid] {
            assert!(Keys::load(&config).unwrap().verifying_key(kid, 1_030).is_none(), "{kid}");
        }
        assert!(one.verifying_key(&third.kid, 1_030).is_some());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn t4_a_key_that_the_configuration_names_is_not_replaced_behind_its_back() {
        let (folder, config) = data_folder();
        fs::create_dir_all(&folder).unwrap();
        let (old, new) = (folder.join("old.pem"), folder.join("new.pem"));
        for file in [&old, &new] {
            fs::write(file, new_signing_pem().unwrap()).unwrap();
        }
        let mut config = Config { data_dir: folder.clone(), ..config };
        config.auth.signing_key_file.clone_from(&old);
        let before = Keys::load(&config).unwrap();
        assert!(
            Keys::rotate(&config, 0, false).err().unwrap().to_string().contains("retired_signing_key_files")
        );
        config.auth.signing_key_file = new;
        config.auth.retired_signing_key_files = vec![old];
        let after = Keys::load(&config).unwrap();
        assert_ne!(after.signing_key().kid(), before.signing_key().kid());
        assert!(after.verifying_key(before.signing_key().kid(), i64::MAX - 1).is_some());
        config.auth.retired_signing_key_files = vec![folder.join("missing.pem")];
        assert!(Keys::check(&config).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn d3_addresses_are_hashed_with_a_key_that_changes_every_90_days() {
        let keys = keys();
        let (day, later): (Time, Time) =
            ("2026-01-15T12:00:00Z".parse().unwrap(), "2026-04-20T12:00:00Z".parse().unwrap());
        let address: IpAddr = "203.0.113.7".parse().unwrap();
        let hash = keys.client_hash(address, day);
        assert_eq!(hash, keys.client_hash("::ffff:203.0.113.7".parse().unwrap(), day));
        assert_ne!(hash, keys.client_hash("203.0.113.8".parse().unwrap(), day));
        assert_ne!(hash, keys.client_hash(address, later));
        assert_ne!(hash, keys_of(1).client_hash(address, day));
    }

    #[test]
    fn checkpoints_are_signed_by_the_holder_of_the_secret() {
        let keys = keys();
        let signature = keys.sign_checkpoint(b"one");
        assert!(keys.signed_checkpoint(b"one", &signature));
        assert!(!keys.signed_checkpoint(b"two", &signature));
        assert!(!keys_of(1).signed_checkpoint(b"one", &signature));
        // A server whose signing key was replaced has the same secret.
        assert!(keys_of(0).signed_checkpoint(b"one", &signature));
    }

    #[test]
    fn weak_secrets_are_refused() {
        for weak in [
            "",
            "changeme",
            "c2VjcmV0",
            &BASE64_STANDARD.encode([0; 32]),
            &BASE64_STANDARD.encode("a long passphrase, but text: not random bytes"),
            "not base64!",
        ] {
            assert!(checked_secret(weak).is_err(), "{weak}");
        }
        assert!(checked_secret(&BASE64_STANDARD.encode(random::<32>().unwrap())).is_ok());
    }
}
