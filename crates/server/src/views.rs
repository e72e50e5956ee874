//! What `stadion fleet|server|match|session|ticket|report` shows: asks the operator edge, and writes tables or JSON.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::cli::operate::Which;
use crate::cli::{
    FleetCommand, MatchCommand, Operate, Output, ServerCommand, SessionCommand, TicketCommand,
};
use crate::operator::wire::{
    FleetInfo, Fleets, LogTail, MatchInfo, Matches, ServerInfo, Servers, SessionInfo, Sessions,
    TicketInfo, Tickets,
};
use crate::report::Report;
use stadion_client::wire::Outlook;

mod client;
mod table;
#[cfg(test)]
mod tests;

pub use client::{OperatorClient, TOKEN_ENV, TOKEN_FILE};
use client::{encoded, with_query};
use table::Shown;
pub(crate) use table::render;

/// Why a command failed. Each says the next step, and has an exit code.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The operator's token cannot be read.
    #[error("cannot read the operator's token from {path}: {why}; has `stadion serve` run with this --data-dir? {TOKEN_ENV} may hold the token instead", path = path.display())]
    Token {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be read.
        why: String,
    },
    /// The platform did not answer, or cannot now. Retry later.
    #[error(
        "cannot reach the platform at {url}: {why}; is `stadion serve` running? --operator-url says where it is"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why.
        why: String,
    },
    /// The platform said no, or there is no such thing. Do not retry.
    #[error("{0}")]
    Refused(String),
    /// The answer is not what it should be; the platform is of another version.
    #[error(
        "the platform's answer cannot be read: {0}; do program and platform have the same version?"
    )]
    Answer(String),
    /// The terminal, pipe or file did not take the output.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl CliError {
    /// The exit code that the help documents.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Answer(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Token { .. } | Self::Unreachable { .. } => 4,
            Self::Refused(_) => 5,
        }
    }
}

/// Does `command` with the platform behind `client` and writes the answer to `out`.
///
/// # Errors
/// See [`CliError`].
pub async fn run(
    command: Operate,
    client: &OperatorClient,
    output: Output,
    out: &mut (dyn Write + Send),
) -> Result<(), CliError> {
    let mut page = View {
        client,
        output,
        out,
    };
    match command {
        Operate::Fleet(command) => page.fleet(command).await,
        Operate::Server(command) => page.server(command).await,
        Operate::Match(command) => page.matches(command).await,
        Operate::Session(command) => page.session(command).await,
        Operate::Ticket(command) => page.ticket(command).await,
        Operate::Report => {
            let report: Report = client.get("/v1/report").await?;
            match output {
                Output::Table => write!(page.out, "{report}")?,
                Output::Json => page.json(&report)?,
            }
            Ok(())
        }
    }
}

struct View<'a> {
    client: &'a OperatorClient,
    output: Output,
    out: &'a mut (dyn Write + Send),
}

impl View<'_> {
    async fn fleet(&mut self, command: FleetCommand) -> Result<(), CliError> {
        match command {
            FleetCommand::List => self.list::<Fleets>("/v1/fleets").await,
            FleetCommand::Show { name } => {
                self.one::<FleetInfo>(&format!("/v1/fleets/{}", encoded(&name)))
                    .await
            }
            FleetCommand::Scale { name, replicas } => {
                let path = format!("/v1/fleets/{}/replicas", encoded(&name));
                let body = json!({ "replicas": replicas });
                let fleet: FleetInfo = self.client.put(&path, &body).await?;
                self.show(&fleet)
            }
        }
    }

    async fn server(&mut self, command: ServerCommand) -> Result<(), CliError> {
        match command {
            ServerCommand::List {
                fleet,
                state,
                region,
                limit,
            } => {
                let limit = limit.map(|limit| limit.to_string());
                let query = [
                    ("fleet", fleet),
                    ("state", state),
                    ("region", region),
                    ("limit", limit),
                ];
                self.list::<Servers>(&with_query("/v1/servers", &query))
                    .await
            }
            ServerCommand::Show { name } => {
                self.one::<ServerInfo>(&format!("/v1/servers/{}", encoded(&name)))
                    .await
            }
            ServerCommand::Stop { name } => {
                self.client
                    .delete(&format!("/v1/servers/{}", encoded(&name)))
                    .await?;
                match self.output {
                    Output::Table => writeln!(self.out, "{name} has been asked to end")?,
                    Output::Json => self.json(&json!({ "name": name, "stopping": true }))?,
                }
                Ok(())
            }
            ServerCommand::Logs { name, tail } => {
                let path = format!("/v1/servers/{}/logs?tail_lines={tail}", encoded(&name));
                let log: LogTail = self.client.get(&path).await?;
                match self.output {
                    Output::Table => log
                        .lines
                        .iter()
                        .try_for_each(|line| writeln!(self.out, "{line}"))?,
                    Output::Json => self.json(&log)?,
                }
                Ok(())
            }
        }
    }

    async fn matches(&mut self, command: MatchCommand) -> Result<(), CliError> {
        match command {
            MatchCommand::List(which) => self.list::<Matches>(&listed("/v1/matches", which)).await,
            MatchCommand::Show { id } => {
                self.one::<MatchInfo>(&format!("/v1/matches/{}", encoded(&id)))
                    .await
            }
            MatchCommand::End { id } => {
                self.act::<MatchInfo>(&format!("/v1/matches/{}/end", encoded(&id)))
                    .await
            }
        }
    }

    async fn session(&mut self, command: SessionCommand) -> Result<(), CliError> {
        match command {
            SessionCommand::List(which) => {
                self.list::<Sessions>(&listed("/v1/sessions", which)).await
            }
            SessionCommand::Show { id } => {
                self.one::<SessionInfo>(&format!("/v1/sessions/{}", encoded(&id)))
                    .await
            }
            SessionCommand::Kick { id } => {
                self.act::<SessionInfo>(&format!("/v1/sessions/{}/kick", encoded(&id)))
                    .await
            }
        }
    }

    async fn ticket(&mut self, command: TicketCommand) -> Result<(), CliError> {
        match command {
            TicketCommand::List(which) => self.list::<Tickets>(&listed("/v1/tickets", which)).await,
            TicketCommand::Show { id } => {
                self.one::<TicketInfo>(&format!("/v1/tickets/{}", encoded(&id)))
                    .await
            }
            TicketCommand::Explain { id } => {
                self.one::<Outlook>(&format!("/v1/tickets/{}/outlook", encoded(&id)))
                    .await
            }
            TicketCommand::Cancel { id } => {
                let answer = self
                    .client
                    .delete(&format!("/v1/tickets/{}", encoded(&id)))
                    .await?;
                let ticket: TicketInfo = serde_json::from_slice(&answer)
                    .map_err(|error| CliError::Answer(error.to_string()))?;
                self.show(&ticket)
            }
        }
    }

    async fn list<T: DeserializeOwned + Serialize + Shown>(
        &mut self,
        path: &str,
    ) -> Result<(), CliError> {
        let list: T = self.client.get(path).await?;
        self.show(&list)
    }

    async fn one<T: DeserializeOwned + Serialize + Shown>(
        &mut self,
        path: &str,
    ) -> Result<(), CliError> {
        self.list::<T>(path).await
    }

    async fn act<T: DeserializeOwned + Serialize + Shown>(
        &mut self,
        path: &str,
    ) -> Result<(), CliError> {
        let changed: T = self.client.post(path).await?;
        self.show(&changed)
    }

    fn show<T: Serialize + Shown>(&mut self, shown: &T) -> Result<(), CliError> {
        match self.output {
            Output::Table => write!(self.out, "{}", shown.table())?,
            Output::Json => self.json(shown)?,
        }
        Ok(())
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CliError::Answer(error.to_string()))?;
        Ok(writeln!(self.out, "{text}")?)
    }
}

fn listed(path: &str, which: Which) -> String {
    let limit = which.limit.map(|limit| limit.to_string());
    let query = [
        ("player_id", which.player),
        ("game_mode", which.mode),
        ("state", which.state),
        ("server", which.server),
        ("match_id", which.match_id),
        ("limit", limit),
    ];
    with_query(path, &query)
}
