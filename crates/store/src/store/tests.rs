//! Stores from outside: what is archived is in both views, whatever happened to them.

mod encrypting;
mod erasing;
mod fixture;
mod opening;
mod rebuilding;
mod recovering;
mod several;
mod several_faults;

use fixture::{Bench, Told, mail};
