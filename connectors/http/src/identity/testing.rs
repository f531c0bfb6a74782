//! What tests of identity share: keys that sign, and a server that hands out key sets.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "tidegate";

/// Made for these tests; it guards nothing.
pub(super) const RSA_PRIVATE: &[u8] = include_bytes!("testing/rsa-2048.der");
pub(super) const RSA_PUBLIC: &str = include_str!("testing/rsa-2048.jwk.json");
pub(super) const RSA_WEAK_PUBLIC: &str = include_str!("testing/rsa-1024.jwk.json");

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

/// A key pair and how it signs.
pub(super) struct Signer {
    pub(super) algorithm: Algorithm,
    pub(super) kid: &'static str,
    private: EncodingKey,
    public: Value,
}

impl Signer {
    /// EC and Ed25519 keys are new; there is one RSA key.
    pub(super) fn new(algorithm: Algorithm, kid: &'static str) -> Self {
        let (private, public) = match algorithm {
            Algorithm::ES256 => ec(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), "P-256", 32),
            Algorithm::ES384 => ec(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(), "P-384", 48),
            Algorithm::EdDSA => {
                let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
                let public = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key_raw())});
                (EncodingKey::from_ed_der(pair.serialized_der()), public)
            }
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => (EncodingKey::from_rsa_der(RSA_PRIVATE), serde_json::from_str(RSA_PUBLIC).unwrap()),
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => unreachable!("no key set has shared secrets"),
        };
        Self { algorithm, kid, private, public }
    }

    /// As it stands in a key set, with other members added or, where null, taken out.
    pub(super) fn jwk(&self, other: Value) -> Value {
        merge(merge(self.public.clone(), json!({"kid": self.kid})), other)
    }

    pub(super) fn sign(&self, header: &Value, payload: &Value) -> String {
        self.sign_text(&header.to_string(), &payload.to_string())
    }

    pub(super) fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", base64(header), base64(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// A good header, but for these members.
    pub(super) fn header(&self, other: Value) -> Value {
        merge(json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.kid}), other)
    }

    /// A good token, but for these claims.
    pub(super) fn token(&self, other: Value) -> String {
        self.sign(&self.header(json!({})), &claims(other))
    }
}

fn ec(pair: KeyPair, curve: &str, length: usize) -> (EncodingKey, Value) {
    let point = pair.public_key_raw();
    let (x, y) = (base64(&point[1..=length]), base64(&point[length + 1..]));
    (EncodingKey::from_ec_der(pair.serialized_der()), json!({"kty": "EC", "crv": curve, "x": x, "y": y}))
}

/// Good claims, but for these.
pub(super) fn claims(other: Value) -> Value {
    merge(json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "shop", "exp": now() + 600}), other)
}

/// Members of `other` replace those of `base`; null takes them out.
pub(super) fn merge(mut base: Value, other: Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

pub(super) fn key_set(keys: impl IntoIterator<Item = Value>) -> String {
    json!({"keys": keys.into_iter().collect::<Vec<_>>()}).to_string()
}

/// How a server answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status(u16, String),
    /// To another place, which has keys.
    Redirect(String),
    /// Takes the request and stays silent.
    Silence,
    /// Headers, and then a byte now and then.
    Trickle,
    /// Goes on for ever.
    Endless,
}

/// A real HTTP server for key sets, on loopback.
pub(super) struct KeyServer {
    pub(super) url: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<usize>>,
}

impl KeyServer {
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let server = Self { url, answer: Arc::new(Mutex::new(answer)), asked: Arc::default() };
        let (answer, asked) = (server.answer.clone(), server.asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *asked.lock().unwrap() += 1;
                let answer = answer.lock().unwrap().clone();
                tokio::spawn(serve(stream, answer));
            }
        });
        server
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn keys(&self, keys: impl IntoIterator<Item = Value>) {
        self.answer(Answer::Status(200, key_set(keys)));
    }

    /// Connections so far.
    pub(super) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

/// Errors only mean that the client has had enough.
async fn serve(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    match answer {
        Answer::Status(status, body) => {
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await
        }
        Answer::Redirect(place) => {
            let head = format!("HTTP/1.1 302 x\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Answer::Silence => std::future::pending().await,
        Answer::Trickle => {
            stream.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n").await?;
            let mut pace = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                pace.tick().await;
                stream.write_all(b" ").await?;
            }
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
    }
}
