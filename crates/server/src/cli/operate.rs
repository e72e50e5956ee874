//! The commands that see or change a running platform through its operator edge.

use clap::{Args, Subcommand};

/// See or change a running platform.
#[derive(Clone, Debug, Subcommand)]
pub enum Operate {
    /// Fleets of game servers
    #[command(subcommand, after_help = "Example:\n  stadion fleet list")]
    Fleet(FleetCommand),
    /// Game servers
    #[command(
        subcommand,
        after_help = "Example:\n  stadion server list --state Allocated"
    )]
    Server(ServerCommand),
    /// Matches
    #[command(subcommand, after_help = "Example:\n  stadion match list --state live")]
    Match(MatchCommand),
    /// Sessions: players' seats
    #[command(
        subcommand,
        after_help = "Example:\n  stadion session list --player alice"
    )]
    Session(SessionCommand),
    /// Tickets: requests to play
    #[command(
        subcommand,
        after_help = "Example:\n  stadion ticket list --state searching --mode duel"
    )]
    Ticket(TicketCommand),
    /// Report on the platform: servers, players, queues, how fast
    #[command(after_help = "Example:\n  stadion report --output json")]
    Report,
}

/// `stadion fleet`.
#[derive(Clone, Debug, Subcommand)]
pub enum FleetCommand {
    /// List the fleets
    #[command(after_help = "Example:\n  stadion fleet list")]
    List,
    /// Show one fleet
    #[command(after_help = "Example:\n  stadion fleet show duel-eu-west-1")]
    Show {
        /// Its name
        name: String,
    },
    /// Set the number of servers wanted, within the fleet's bounds
    #[command(after_help = "Example:\n  stadion fleet scale duel-eu-west-1 20")]
    Scale {
        /// Its name
        name: String,
        /// Servers wanted
        replicas: u32,
    },
}

/// `stadion server`.
#[derive(Clone, Debug, Subcommand)]
pub enum ServerCommand {
    /// List the game servers
    #[command(after_help = "Example:\n  stadion server list --region eu-west-1 --state Ready")]
    List {
        /// Of this fleet
        #[arg(long)]
        fleet: Option<String>,
        /// In this state: Ready, Allocated, Shutdown, …
        #[arg(long)]
        state: Option<String>,
        /// In this region
        #[arg(long)]
        region: Option<String>,
        /// Entries at most
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show one game server
    #[command(after_help = "Example:\n  stadion server show duel-eu-west-1-7k2f9")]
    Show {
        /// Its name
        name: String,
    },
    /// End one game server, whatever its state; a match on it is lost
    #[command(after_help = "Example:\n  stadion server stop duel-eu-west-1-7k2f9")]
    Stop {
        /// Its name
        name: String,
    },
    /// Print the end of its log
    #[command(after_help = "Example:\n  stadion server logs duel-eu-west-1-7k2f9 --tail 50")]
    Logs {
        /// Its name
        name: String,
        /// Lines at most
        #[arg(long, value_name = "LINES", default_value_t = crate::operator::TAIL_LINES_DEFAULT, allow_negative_numbers = true)]
        tail: usize,
    },
}

/// Which matches, sessions or tickets to list.
#[derive(Args, Clone, Debug, Default)]
pub struct Which {
    /// With this player
    #[arg(long, value_name = "ID")]
    pub player: Option<String>,
    /// Of this game mode
    #[arg(long, value_name = "NAME")]
    pub mode: Option<String>,
    /// In this state
    #[arg(long)]
    pub state: Option<String>,
    /// On this game server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Of this match
    #[arg(long = "match", value_name = "ID")]
    pub match_id: Option<String>,
    /// Entries at most
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// `stadion match`.
#[derive(Clone, Debug, Subcommand)]
pub enum MatchCommand {
    /// List matches, newest first
    #[command(after_help = "Example:\n  stadion match list --state live --mode duel")]
    List(Which),
    /// Show one match
    #[command(after_help = "Example:\n  stadion match show mat_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Show {
        /// Its id
        id: String,
    },
    /// End a live match and its sessions
    #[command(after_help = "Example:\n  stadion match end mat_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    End {
        /// Its id
        id: String,
    },
}

/// `stadion session`.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionCommand {
    /// List sessions, newest first
    #[command(after_help = "Example:\n  stadion session list --state active")]
    List(Which),
    /// Show one session
    #[command(after_help = "Example:\n  stadion session show ses_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Show {
        /// Its id
        id: String,
    },
    /// Throw a player out of a match
    #[command(after_help = "Example:\n  stadion session kick ses_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Kick {
        /// Its id
        id: String,
    },
}

/// `stadion ticket`.
#[derive(Clone, Debug, Subcommand)]
pub enum TicketCommand {
    /// List tickets, newest first
    #[command(after_help = "Example:\n  stadion ticket list --state searching")]
    List(Which),
    /// Show one ticket
    #[command(after_help = "Example:\n  stadion ticket show tkt_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Show {
        /// Its id
        id: String,
    },
    /// Say why a ticket waits, and how long it may
    #[command(after_help = "Example:\n  stadion ticket explain tkt_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Explain {
        /// Its id
        id: String,
    },
    /// Take a searching ticket out of its queue
    #[command(after_help = "Example:\n  stadion ticket cancel tkt_01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    Cancel {
        /// Its id
        id: String,
    },
}
