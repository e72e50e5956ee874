//! Test hosts in network namespaces, with players, floods and bottlenecks between them. For tests and benchmarks only.
//!
//! A scene is a [`Wire`] (two hosts) or a [`Line`] (two hosts and a slow router between them). Everything in it ends with
//! the value that made it: namespaces are removed when a scene is dropped, also by a panic, and those that a killed process
//! left are removed by the next scene. Packets never leave the namespaces: no interface of the machine is in them.
//!
//! It needs root and the tools of Linux networking; [`unable`] says what is missing, and a test says that and passes.

mod bulk;
mod clock;
mod connect;
mod cores;
mod echo;
mod error;
mod flood;
mod frame;
mod loss;
mod player;
mod probe;
mod scene;
mod space;
mod task;

pub use bulk::{Bulk, BulkKind};
pub use clock::{monotonic, pause};
pub use connect::{Acceptor, Connects, connects};
pub use cores::{KeptOff, keep_off};
pub use echo::Echo;
pub use error::LabError;
pub use flood::{Flood, FloodReport, FloodSpec, Sources, What};
pub use loss::lose;
pub use player::{Play, PlaySpec, play};
pub use probe::unable;
pub use scene::{Bottleneck, Host, Line, Wire};
pub use space::{Namespace, run_tool};
