//! Listeners, authentication and logs, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Listeners and their limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// Address and port for players and game servers.
    pub listen: String,
    /// Address and port for operators: API, dashboard and metrics. Keep it inside.
    pub operator_listen: String,
    /// What one process, address and player may ask for. Beyond it the caller gets an error that says when to try again.
    pub limits: Limits,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9700".into(),
            operator_listen: "127.0.0.1:9701".into(),
            limits: Limits::default(),
        }
    }
}

/// What one process, address and player may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections of all callers together.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// Open connections of one address; many players can share one.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_address_max: u32,
    /// Requests per second of one player.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second_per_player: u32,
    /// Requests per second of one address.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second_per_address: u32,
    /// Size of a request's body or of a WebSocket message, bytes.
    #[schemars(range(min = 1_024, max = 16_777_216))]
    pub body_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A connection costs about 16 KiB with its buffers: 800 MiB at most.
            connections_max: 50_000,
            // A large network behind one address, with a connection per player.
            connections_per_address_max: 1_024,
            // A client sends a ticket, its cancellation and a few reads within one second, and may repeat them.
            requests_per_second_per_player: 20,
            // Half of the connections of one address ask at the same second.
            requests_per_second_per_address: 512,
            // The largest request is a ticket: 16 players with 64 regions and 10 attributes each stay below 48 KiB.
            body_bytes_max: 65_536,
        }
    }
}

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Keys that the studio's identity system signs players' tokens with.
    pub player_keys: Vec<PlayerKey>,
    /// File with such keys as a JSON Web Key Set.
    pub jwks_file: Option<String>,
    /// What the `iss` claim of a player's token must be; left out: anything.
    pub issuer: Option<String>,
    /// What the `aud` claim of a player's token must contain; left out: anything.
    pub audience: Option<String>,
    /// File with the operators' token, 16 bytes or more. `STADION_AUTH__OPERATOR_TOKEN` gives the token itself.
    pub operator_token_file: Option<String>,
    /// File with the secret that the credentials of game servers are made from, 32 bytes or more; left out: one is
    /// generated in `data_dir`. Replicas need the same one. `STADION_AUTH__SERVER_SECRET` gives the secret itself.
    pub server_secret_file: Option<String>,
    /// File with the Ed25519 private key (PKCS#8 PEM) that join tokens are signed with; left out: one is generated in
    /// `data_dir`. Replicas need the same one.
    pub join_token_key_file: Option<String>,
}

/// One key that players' tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayerKey {
    /// Algorithm of the signature.
    pub algorithm: Algorithm,
    /// The `kid` header of tokens that it is for; left out: any.
    #[serde(default)]
    pub key_id: Option<String>,
    /// File with the shared secret, 32 bytes or more; for `HS256`.
    #[serde(default)]
    pub secret_file: Option<String>,
    /// File with the public key (PEM); for `EdDSA` and `RS256`.
    #[serde(default)]
    pub public_key_file: Option<String>,
}

/// Algorithm of a signature (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// HMAC with SHA-256: both sides know the secret.
    HS256,
    /// Ed25519.
    EdDSA,
    /// RSA with SHA-256.
    RS256,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,stadion_fleet=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// File that gets the same lines as standard output; left out: none.
    pub file: Option<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Text,
            file: None,
        }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
