//! When jobs run, who works on an account, and how much is asked of a server.
//!
//! What it is not: the work itself. A run is made of steps, one for each account, and what a step
//! does is `archiver`'s; here is decided when it may. It sees ports and values only.
//!
//! Rules:
//! - Where limits overlap, all of them hold, so that the smallest counts.
//! - Nobody connects to a server before the time that it named, in this process or the next.
//! - No account waits for the end of another one: places at a server go round.
//! - What a limit left undone is said, with the time at which it goes on. It is never a success.
//! - Two steps never work on one account at once. Who stops renewing a lease loses it.
//! - A time that passed while nothing could run is not made up for.

mod agenda;
mod allowance;
mod budget;
mod governed;
mod governor;
mod lease;
mod pace;
mod pause;
mod places;
mod visits;

pub use agenda::{Agenda, Due, Entry, JobKey, Why};
pub use allowance::{AccountKey, Allowance, Counted, JobShare, ServerKey};
pub use governed::{Governed, GovernedSource};
pub use governor::Governor;
pub use lease::{Lease, LeaseError, LeaseTimes};
pub use pace::Pace;
pub use visits::{TooEarly, too_early};
