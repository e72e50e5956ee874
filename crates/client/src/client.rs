//! One method per route.

mod http;

use std::fmt;
use std::sync::Arc;

use hyper::Method;
use serde::Serialize;

use crate::ClientError;
use crate::wire::{
    Acceptance, CreateTicket, GameModes, Heartbeats, JoinKeys, Match, OpenSeats, Outlook, Redeem,
    Regions, Respond, Seat, Session, Sessions, Ticket, Tickets, Verdicts,
};
use http::{Base, Http};
pub(crate) use http::{bearer, problem_of};

/// A caller of the gateway: one player, one game server or the studio's backend. Cheap to clone; clones share their
/// connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) http: Arc<Http>,
    pub(crate) token: Arc<str>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.http.base)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A caller with `token` of the gateway at `base_url`, such as `http://127.0.0.1:7350`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when the URL is not `http://host[:port]`, or the token cannot be a header.
    pub fn new(base_url: &str, token: &str) -> Result<Self, ClientError> {
        http::check_token(token)?;
        Ok(Self {
            http: Arc::new(Http::new(Base::parse(base_url)?)),
            token: Arc::from(token),
        })
    }

    /// Another caller of the same gateway, over the same connections.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when the token cannot be a header.
    pub fn with_token(&self, token: &str) -> Result<Self, ClientError> {
        http::check_token(token)?;
        Ok(Self {
            http: Arc::clone(&self.http),
            token: Arc::from(token),
        })
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.http.call(Method::GET, path, &self.token, None, None);
        http::decode(&answer.await?)
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        key: Option<&str>,
    ) -> Result<T, ClientError> {
        let body = http::encode(body)?;
        let answer = self
            .http
            .call(Method::POST, path, &self.token, Some(body), key);
        http::decode(&answer.await?)
    }

    /// Submits a ticket. With an `idempotency_key` the call may be repeated: it then finds the first ticket.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn create_ticket(
        &self,
        request: &CreateTicket,
        idempotency_key: Option<&str>,
    ) -> Result<Ticket, ClientError> {
        self.post("/v1/tickets", request, idempotency_key).await
    }

    /// The caller's tickets, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn tickets(&self) -> Result<Vec<Ticket>, ClientError> {
        self.get::<Tickets>("/v1/tickets")
            .await
            .map(|all| all.tickets)
    }

    /// One ticket of the caller.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn ticket(&self, ticket_id: &str) -> Result<Ticket, ClientError> {
        self.get(&format!("/v1/tickets/{}", http::segment(ticket_id)?))
            .await
    }

    /// What the party of a ticket may expect, and why it waits.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn outlook(&self, ticket_id: &str) -> Result<Outlook, ClientError> {
        let ticket = http::segment(ticket_id)?;
        self.get(&format!("/v1/tickets/{ticket}/outlook")).await
    }

    /// Takes a ticket back.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn cancel_ticket(&self, ticket_id: &str) -> Result<Ticket, ClientError> {
        let path = format!("/v1/tickets/{}", http::segment(ticket_id)?);
        let answer = self
            .http
            .call(Method::DELETE, &path, &self.token, None, None);
        http::decode(&answer.await?)
    }

    /// Says yes or no to a proposed match. Repeating the answer is no error.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn respond(&self, match_id: &str, accept: bool) -> Result<Acceptance, ClientError> {
        let path = format!("/v1/matches/{}/accept", http::segment(match_id)?);
        let request = Respond {
            accept,
            player_id: None,
        };
        self.post(&path, &request, None).await
    }

    /// The caller's seats, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn sessions(&self) -> Result<Vec<Session>, ClientError> {
        self.get::<Sessions>("/v1/sessions")
            .await
            .map(|all| all.sessions)
    }

    /// The caller's own seat, with a join token while it is reserved.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn session(&self, session_id: &str) -> Result<Session, ClientError> {
        self.get(&format!("/v1/sessions/{}", http::segment(session_id)?))
            .await
    }

    /// Leaves a match.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn leave(&self, session_id: &str) -> Result<(), ClientError> {
        let path = format!("/v1/sessions/{}", http::segment(session_id)?);
        self.http
            .call(Method::DELETE, &path, &self.token, None, None)
            .await
            .map(drop)
    }

    /// The regions.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn regions(&self) -> Result<Regions, ClientError> {
        self.get("/v1/regions").await
    }

    /// The game modes.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn game_modes(&self) -> Result<GameModes, ClientError> {
        self.get("/v1/game_modes").await
    }

    /// The keys that join tokens are checked with.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn join_keys(&self) -> Result<JoinKeys, ClientError> {
        self.get("/v1/join_keys").await
    }

    /// Game server: takes a player's join token; the answer says whom to let in. With an `idempotency_key`, one for
    /// each connection that shows a token, the call may be repeated: it then gets the first answer again.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn redeem(
        &self,
        join_token: &str,
        idempotency_key: Option<&str>,
    ) -> Result<Seat, ClientError> {
        let request = Redeem {
            join_token: join_token.to_owned(),
        };
        self.post("/v1/sessions/redeem", &request, idempotency_key)
            .await
    }

    /// Game server: reports signs of life; the answer says whom to disconnect.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn heartbeats(&self, heartbeats: &Heartbeats) -> Result<Vec<String>, ClientError> {
        self.post::<Verdicts>("/v1/sessions/heartbeats", heartbeats, None)
            .await
            .map(|verdicts| verdicts.disconnect)
    }

    /// Game server: a player has left.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn end_session(&self, session_id: &str) -> Result<(), ClientError> {
        let path = format!("/v1/sessions/{}/end", http::segment(session_id)?);
        self.http
            .call(Method::POST, &path, &self.token, None, None)
            .await
            .map(drop)
    }

    /// Game server: the line-up of its match.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn get_match(&self, match_id: &str) -> Result<Match, ClientError> {
        self.get(&format!("/v1/matches/{}", http::segment(match_id)?))
            .await
    }

    /// Game server: offers free seats of its live match, by team, in place of those it offered before; zeros withdraw them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn open_seats(&self, match_id: &str, seats: &[u32]) -> Result<Match, ClientError> {
        let path = format!("/v1/matches/{}/backfill", http::segment(match_id)?);
        let body = http::encode(&OpenSeats {
            seats: seats.to_vec(),
        })?;
        let answer = self
            .http
            .call(Method::PUT, &path, &self.token, Some(body), None);
        http::decode(&answer.await?)
    }

    /// Game server: wants nobody any more in its live match.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn close_seats(&self, match_id: &str) -> Result<Match, ClientError> {
        let path = format!("/v1/matches/{}/backfill", http::segment(match_id)?);
        let answer = self
            .http
            .call(Method::DELETE, &path, &self.token, None, None);
        http::decode(&answer.await?)
    }

    /// Game server: reports how its match ended, as any JSON object; the match is over then.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn report_result(
        &self,
        match_id: &str,
        result: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Match, ClientError> {
        let path = format!("/v1/matches/{}/result", http::segment(match_id)?);
        self.post(&path, result, None).await
    }
}
